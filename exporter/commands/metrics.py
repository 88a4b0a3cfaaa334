"""Prints the catalogue: each metric with its type, unit and labels, and what it means."""

from exporter.commands.command import Line, make_command
from exporter.metrics import catalogue
from exporter.metrics.model import Metric
from exporter.terminal import say


def run(line: Line) -> int:
    """Print all of them."""
    for metric in catalogue.METRICS:
        say(row(metric))
        say(f"    {metric.help}")
    return 0


def row(metric: Metric) -> str:
    """`isnotai_polls_total{integration,resource,outcome} counter {poll}`."""
    labels = ",".join(metric.label_names)
    braced = f"{{{labels}}}" if labels else ""
    return f"{metric.exposed_name}{braced} {metric.kind} {metric.unit}".rstrip()


command = make_command("metrics", run, __doc__, settings=False)
