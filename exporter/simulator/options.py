"""The options of `isnotai-exporter simulate`, and what they mean to world, API and faults."""

import argparse
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

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


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the simulator's options to a parser."""
    add = parser.add_argument
    add("--host", default="127.0.0.1", help="address to listen on (default %(default)s)")
    add("--port", type=int, default=0, help="port; 0 takes a free one (default)")
    add("--seed", type=int, default=1, help="the same seed gives the same sessions")
    add("--key", default=DEFAULT_KEY, help="the API key to accept")
    add("--tier", choices=tuple(TIERS), default="pro")
    add("--region", choices=("us", "eu"), default="us")
    add("--rate", type=float, default=1.0, help="sessions per second, at the curve's mean")
    add("--flat", action="store_true", help="no day curve and no bot waves")
    add("--bot-share", type=float, default=0.15, metavar="0..1")
    add("--late-share", type=float, default=0.0, metavar="0..1", help="sessions that show late")
    add("--late-max", default="0", metavar="DURATION", help="how late at most")
    add("--null-share", type=float, default=0.05, metavar="0..1")
    add("--invalid-share", type=float, default=0.0, metavar="0..1")
    add("--lifetime-min", default="20s", metavar="DURATION", help="shortest session")
    add("--lifetime-max", default="10m", metavar="DURATION", help="longest session")
    add("--history", default="6h", metavar="DURATION", help="sessions from before the start")
    add("--static-sessions", type=int, default=0, help="so many sessions over the history instead")
    add("--remember", default="26h", metavar="DURATION", help="older sessions are dropped")
    add("--order", choices=tuple(ORDERS), default="newest", help="of the session list")
    add("--empty", choices=EMPTY, default="page", help="how an empty list is written")
    add("--paging", choices=PAGING, default="keyset", help="what a cursor holds")
    add("--date-filter", choices=DATE_FILTERS, default="exact")
    add(
        "--day-begins",
        type=float,
        default=0.0,
        metavar="HOURS",
        help="of a day, after UTC midnight",
    )
    add("--day-of", choices=DAY_OF, default="written", help="a date as written, or of that moment")
    add("--history-check", choices=HISTORY_CHECKS, default="asked", help="of a startDate")
    add("--no-rate-limits", action="store_true", help="never answer 429 for too many requests")
    add("--speed", type=float, default=1.0, help="world seconds per second")
    add("--start", default=None, metavar="TIME", help="the world's time at the start (ISO 8601)")
    add("--duration", default=None, metavar="DURATION", help="stop after this long")
    add("--exit-with-parent", action="store_true", help="stop when the parent process is gone")
    add(
        "--fault",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="what goes wrong, such as status_429=0.1; may be repeated (see docs/simulator.md)",
    )


def read_options(arguments: argparse.Namespace) -> Options:
    """Check and convert the parsed arguments. Raises ValueError that names what is wrong."""
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
