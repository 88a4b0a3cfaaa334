"""One small file per resource of the API: each turns answers into readings, and does no more."""
