"""HTTP: ready bytes, the status page, health, TLS and authentication. It renders no metrics."""
