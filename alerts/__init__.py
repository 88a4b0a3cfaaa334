"""Alerts: made by `python -m alerts.generate`, written to the three folders beside it."""
