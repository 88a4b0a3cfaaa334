"""The options of `isnotai-exporter simulate`, and what they mean to world, API and faults."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, Final

import click

from exporter.simulator.faults import Faults, parse_assignments
from exporter.simulator.lists import (
    DATE_FILTERS,
    DAY_OF,
    EMPTY,
    HISTORY_CHECKS,
    PAGING,
    TIERS,
    ListSettings,
)
from exporter.simulator.service import DEFAULT_KEY, ApiSettings
from exporter.simulator.world import ORDERS, WorldSettings

_UNITS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_PART: Final = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")


@dataclass(frozen=True, slots=True)
class Options:
    """Everything that a simulator process needs to know."""

    world: WorldSettings
    api: ApiSettings
    faults: Faults
    seed: int
    host: str
    port: int
    speed: float
    start: datetime | None
    duration: timedelta | None
    remember: timedelta
    exit_with_parent: bool


def duration(text: str) -> timedelta:
    """A duration such as 90s, 5m or 1h30m; 0 alone needs no unit. Raises ValueError."""
    if text == "0":
        return timedelta(0)
    if not _PART.sub("", text) == "" or not text:
        raise ValueError(f"not a duration such as 90s, 5m or 1h30m: {text!r}")
    return timedelta(seconds=sum(float(n) * _UNITS[unit] for n, unit in _PART.findall(text)))


OPTIONS = [
    click.Option(["--host"], default="127.0.0.1", help="address to listen on [127.0.0.1]"),
    click.Option(["--port"], type=int, default=0, help="port; 0 takes a free one (default)"),
    click.Option(["--seed"], type=int, default=1, help="the same seed gives the same sessions"),
    click.Option(["--key"], default=DEFAULT_KEY, help="the API key to accept"),
    click.Option(["--tier"], type=click.Choice(tuple(TIERS)), default="pro"),
    click.Option(["--region"], type=click.Choice(("us", "eu")), default="us"),
    click.Option(
        ["--rate"], type=float, default=1.0, help="sessions per second, at the curve's mean"
    ),
    click.Option(["--flat"], is_flag=True, help="no day curve and no bot waves"),
    click.Option(["--bot-share"], type=float, default=0.15, metavar="0..1"),
    click.Option(
        ["--late-share"], type=float, default=0.0, metavar="0..1", help="sessions that show late"
    ),
    click.Option(["--late-max"], default="0", metavar="DURATION", help="how late at most"),
    click.Option(["--null-share"], type=float, default=0.05, metavar="0..1"),
    click.Option(["--invalid-share"], type=float, default=0.0, metavar="0..1"),
    click.Option(["--lifetime-min"], default="20s", metavar="DURATION", help="shortest session"),
    click.Option(["--lifetime-max"], default="10m", metavar="DURATION", help="longest session"),
    click.Option(
        ["--history"], default="6h", metavar="DURATION", help="sessions from before the start"
    ),
    click.Option(
        ["--static-sessions"], type=int, default=0, help="so many sessions over the history instead"
    ),
    click.Option(
        ["--remember"], default="26h", metavar="DURATION", help="older sessions are dropped"
    ),
    click.Option(
        ["--order"], type=click.Choice(tuple(ORDERS)), default="newest", help="of the session list"
    ),
    click.Option(
        ["--empty"], type=click.Choice(EMPTY), default="page", help="how an empty list is written"
    ),
    click.Option(
        ["--paging"], type=click.Choice(PAGING), default="keyset", help="what a cursor holds"
    ),
    click.Option(["--date-filter"], type=click.Choice(DATE_FILTERS), default="exact"),
    click.Option(
        ["--day-begins"],
        type=float,
        default=0.0,
        metavar="HOURS",
        help="of a day, after UTC midnight",
    ),
    click.Option(
        ["--day-of"],
        type=click.Choice(DAY_OF),
        default="written",
        help="a date as written, or of that moment",
    ),
    click.Option(
        ["--history-check"],
        type=click.Choice(HISTORY_CHECKS),
        default="asked",
        help="of a startDate",
    ),
    click.Option(["--no-rate-limits"], is_flag=True, help="never answer 429 for too many requests"),
    click.Option(["--speed"], type=float, default=1.0, help="world seconds per second"),
    click.Option(
        ["--start"], default=None, metavar="TIME", help="the world's time at the start (ISO 8601)"
    ),
    click.Option(["--duration"], default=None, metavar="DURATION", help="stop after this long"),
    click.Option(["--exit-with-parent"], is_flag=True, help="stop when the parent process is gone"),
    click.Option(
        ["--fault"],
        multiple=True,
        metavar="NAME=VALUE",
        help="what goes wrong, such as status_429=0.1; may be repeated (see docs/simulator.md)",
    ),
]


def read_options(chosen: Mapping[str, Any]) -> Options:
    """Check and convert what was chosen. Raises ValueError that names what is wrong."""
    arguments = SimpleNamespace(**chosen)
    start = None
    if arguments.start is not None:
        start = datetime.fromisoformat(arguments.start)
        start = start if start.tzinfo else start.replace(tzinfo=UTC)
    if not arguments.speed > 0:
        raise ValueError(f"speed must be above 0: {arguments.speed!r}")
    if not 0 <= arguments.port <= 65535:
        raise ValueError(f"port must lie in 0..65535: {arguments.port!r}")
    return Options(
        world=WorldSettings(
            rate=arguments.rate,
            flat=arguments.flat,
            bot_share=arguments.bot_share,
            late_share=arguments.late_share,
            late_max=duration(arguments.late_max),
            null_share=arguments.null_share,
            invalid_share=arguments.invalid_share,
            lifetime=(duration(arguments.lifetime_min), duration(arguments.lifetime_max)),
            history=duration(arguments.history),
            static_sessions=arguments.static_sessions,
        ),
        api=ApiSettings(
            keys=(arguments.key,),
            tier=arguments.tier,
            region=arguments.region,
            lists=ListSettings(
                order=arguments.order,
                paging=arguments.paging,
                empty=arguments.empty,
                date_filter=arguments.date_filter,
                day_begins=arguments.day_begins,
                day_of=arguments.day_of,
                history_check=arguments.history_check,
            ),
            rate_limits=not arguments.no_rate_limits,
            seed=arguments.seed,
        ),
        faults=parse_assignments(arguments.fault),
        seed=arguments.seed,
        host=arguments.host,
        port=arguments.port,
        speed=arguments.speed,
        start=start,
        duration=None if arguments.duration is None else duration(arguments.duration),
        remember=duration(arguments.remember),
        exit_with_parent=arguments.exit_with_parent,
    )
