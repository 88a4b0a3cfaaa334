"""A snapshot in, a format out: exposition, OTLP, backfill file. Nothing here polls or listens."""
