"""All resources of the API, in the order in which they are shown."""

from types import MappingProxyType

from exporter.collect import (
    analytics,
    courses,
    details,
    health,
    integration,
    openapi,
    stats,
    usage,
    users,
)
from exporter.collect.resource import Resource
from exporter.collect.sessions import collector as sessions
from exporter.settings.model import Settings

RESOURCES = (
    health.RESOURCE,
    integration.RESOURCE,
    stats.RESOURCE,
    analytics.RESOURCE,
    usage.RESOURCE,
    sessions.RESOURCE,
    users.RESOURCE,
    courses.RESOURCE,
    openapi.RESOURCE,
    details.RESOURCE,
)
NAMES = tuple(resource.name for resource in RESOURCES)
KEYLESS = frozenset(resource.name for resource in RESOURCES if resource.keyless)
BEHIND = frozenset(resource.name for resource in RESOURCES if resource.behind)
BOUNDS = MappingProxyType({resource.name: resource.bounds for resource in RESOURCES})


def polled(settings: Settings) -> tuple[Resource, ...]:
    """The resources that are on."""
    return tuple(resource for resource in RESOURCES if resource.interval(settings))


def stale_after(settings: Settings, name: str) -> float:
    """Seconds after which the gauges of that resource disappear, where it fails."""
    return next(it for it in RESOURCES if it.name == name).stale_after(settings)


def polled_names(settings: Settings) -> tuple[str, ...]:
    """The names of the resources that are on."""
    return tuple(resource.name for resource in polled(settings))
