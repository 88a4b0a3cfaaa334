"""Prints the catalogue: each metric with its type, unit and labels, and what it means."""

from exporter.commands.terminal import say
from exporter.metrics import catalogue
from exporter.metrics.model import Metric


def run() -> int:
    for metric in catalogue.METRICS:
        say(line(metric))
        say(f"    {metric.help}")
    return 0


def line(metric: Metric) -> str:
    """`isnotai_polls_total{integration,resource,outcome} counter {poll}`."""
    labels = ",".join(metric.label_names)
    braced = f"{{{labels}}}" if labels else ""
    return f"{metric.exposed_name}{braced} {metric.kind} {metric.unit}".rstrip()
