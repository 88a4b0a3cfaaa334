"""A snapshot in, a format out: exposition, OTLP, backfill. Nothing here polls, counts or listens."""
