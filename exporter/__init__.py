"""Prometheus and OpenTelemetry exporter for the Not AI API."""

__version__ = "0.1.0"
