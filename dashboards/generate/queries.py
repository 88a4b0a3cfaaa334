"""How the exporter's series are asked for: filtered, joined over exporters, per site.

Each selector has the dashboard's variables. A *site* is one integration as one job scrapes it: its
exporters' counters are joined by `max` before they are rated, as in the recording rules, so that
neither a restart nor a pod that moves halves an hour. Of a gauge of the account, too, each site has
one value, however many exporters share its key. What is told apart by integration is told apart by
site, as in the alerts: two jobs may both have the integration `default`.
"""

from alerts.generate.series import SITE, TARGET
from exporter.backtest.evaluate import SITE_LABELS

OF_PROCESS = 'cluster=~"$cluster",namespace=~"$namespace",job=~"$job",instance=~"$instance"'
OF_INTEGRATION = OF_PROCESS + ',integration=~"$integration"'
WEEK = " offset 1w"
BEHIND_SECONDS = 900
"""Behind by more than this, an exporter is catching up, as NotAIFrontierBehind and the status page
have it: a sweep may take ten minutes, and is read with the polls and the overlap on top."""

NO_EXPORTER = "no exporter is up"
SESSIONS_NOT_READ = "sessions are switched off, or were not read yet"
"""What a panel says where there are no such series."""


def of(metric: str, *matchers: str) -> str:
    """The metric's series of the chosen integrations."""
    return f"{metric}{{{','.join((OF_INTEGRATION, *matchers))}}}"


def process(metric: str, *matchers: str) -> str:
    """The series of the chosen exporters, of a metric that has no integration."""
    return f"{metric}{{{','.join((OF_PROCESS, *matchers))}}}"


def of_exporters(expr: str) -> str:
    """`expr` of exporters only: other programs have `process_` metrics, too."""
    return f"{expr} and on ({TARGET}) {process('isnotai_exporter_build_info')}"


def site(expr: str, *labels: str) -> str:
    """One value per site (and labels), however many exporters share its key."""
    return f"max by ({', '.join((SITE, *labels))}) ({expr})"


def total(expr: str, *labels: str) -> str:
    """The sum over the sites, by labels."""
    by = f" by ({', '.join(labels)})" if labels else ""
    return f"sum{by} ({site(expr, *labels)})"


def window(metric: str, *matchers: str) -> str:
    """The metric's series of the analytics window that the dashboard shows."""
    return of(metric, 'window="$window"', *matchers)


def gained(
    metric: str,
    by: tuple[str, ...] = (),
    *,
    within: str = "1h",
    offset: str = "",
    step: str = "1m",
) -> str:
    """What a counter of the ledger gained within a time before, summed over the sites, `by` labels.

    step: how far apart the joined counter is looked at. Many series over time are looked at each
    five minutes, which costs a fifth; what says how it stands now, each minute.
    """
    keep = tuple(label for label in by if label not in SITE_LABELS)
    joined = site(f"max_over_time({of(metric)}[2m])", *keep)
    grouped = f" by ({', '.join(by)})" if by else ""
    return f"sum{grouped} (increase({joined}[{within}:{step}]{offset}))"


SESSIONS, BOTS = "isnotai_sessions_total", "isnotai_bot_sessions_total"


def share_of_bots(
    by: tuple[str, ...] = (), *, within: str = "1h", offset: str = "", least: int = 0
) -> str:
    """Bots over sessions within a time before. least: sessions, below which there is no share."""
    bots = gained(BOTS, by, within=within, offset=offset)
    sessions = gained(SESSIONS, by, within=within, offset=offset)
    at_least = f">= {least}" if least else "> 0"
    return f"{bots} / ({sessions} {at_least})"


_IN_RANGE = gained(BOTS, SITE_LABELS, within="$__range", offset=" @ end()", step="5m")
TOP_SITES = f"and on ({SITE}) topk(10, {_IN_RANGE})"
"""Ten sites at most, the same over the whole picture: those with most bots in its range."""


def hourly(series: str) -> str:
    """What each counter of the exporter gained in the hour before.

    Polls come every minute, or every five or fifteen: over a scrape or two most would show as 0.
    """
    return f"increase({series}[1h])"


def behind() -> str:
    """How far each exporter's frontier is behind the API's clock, which it goes by."""
    frontier = of("isnotai_session_frontier_timestamp_seconds")
    skew = of("isnotai_api_clock_skew_seconds")
    return f"(time() - {frontier} + {skew} or time() - {frontier})"
