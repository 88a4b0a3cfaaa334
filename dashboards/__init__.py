"""Dashboards: made by `python -m dashboards.generate`, written to `grafana/` beside it."""
