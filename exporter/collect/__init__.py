"""One small file per resource of the API: each turns answers into samples, and does no more."""
