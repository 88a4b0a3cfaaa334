"""The catalogue: each metric declared once, in the order in which it is exposed.

Adding a metric is one declaration in a file of this package and one line in a collector; the table
in the docs, the OTel name and the drift checks of dashboards and alerts follow from the
declaration. Names are a contract with users: add freely, never rename. No label has an id, user
data or a path for value.
"""

from collections.abc import Mapping
from types import MappingProxyType

from exporter.metrics.catalogue import analytics, api, exporter, people, sessions, usage

# All names: each metric is read as catalogue.NAME.
from exporter.metrics.catalogue.analytics import *  # noqa: F403
from exporter.metrics.catalogue.api import *  # noqa: F403
from exporter.metrics.catalogue.exporter import *  # noqa: F403
from exporter.metrics.catalogue.people import *  # noqa: F403
from exporter.metrics.catalogue.sessions import *  # noqa: F403
from exporter.metrics.catalogue.usage import *  # noqa: F403
from exporter.metrics.model import Metric

METRICS: tuple[Metric, ...] = tuple(
    declared
    for group in (api, sessions, analytics, people, usage, exporter)
    for declared in vars(group).values()
    if isinstance(declared, Metric)
)
ORDER: Mapping[Metric, int] = MappingProxyType(
    {metric: place for place, metric in enumerate(METRICS)}
)
BOUNDED: tuple[Metric, ...] = tuple(metric for metric in METRICS if metric.max_values is not None)
