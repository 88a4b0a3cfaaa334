"""How the exporter's series are asked for: filtered, per account, and steady over a catch-up.

Each selector has the dashboard's `$job`, `$instance` and `$integration`. N exporters that share a
key report the same account, so account-level series are `max by (integration)` before any sum.
"""

OF_INTEGRATION = 'job=~"$job",instance=~"$instance",integration=~"$integration"'
OF_PROCESS = 'job=~"$job",instance=~"$instance"'
WEEK = " offset 1w"
BEHIND_SECONDS = 600
"""As in the alerts: an exporter that was further behind within the range gives no rate."""


def of(metric: str, *matchers: str) -> str:
    """The metric's series of the chosen integrations."""
    return f"{metric}{{{','.join((OF_INTEGRATION, *matchers))}}}"


def process(metric: str, *matchers: str) -> str:
    """The series of the chosen processes, of a metric that has no integration."""
    return f"{metric}{{{','.join((OF_PROCESS, *matchers))}}}"


def account(expr: str, *labels: str) -> str:
    """One value per integration (and labels), however many exporters share its key."""
    return f"max by ({', '.join(('integration', *labels))}) ({expr})"


def total(expr: str, *labels: str) -> str:
    """The sum over the chosen integrations, by labels."""
    by = f" by ({', '.join(labels)})" if labels else ""
    return f"sum{by} ({account(expr, *labels)})"


def window(metric: str, *matchers: str) -> str:
    """The metric's series of the analytics window that the dashboard shows."""
    return of(metric, 'window="$window"', *matchers)


def steady(expr: str, offset: str = "") -> str:
    """`expr` without the exporters that were catching up within the hour before.

    A backlog lands in one scrape, and would look like a wave of sessions.
    """
    frontier = of("isnotai_session_frontier_timestamp_seconds")
    behind = f"max_over_time((time() - {frontier})[1h:1m]{offset}) > {BEHIND_SECONDS}"
    return f"{expr} unless on (job, instance, integration) {behind}"


def hourly(metric: str, *labels: str, offset: str = "") -> str:
    """What a ledger counter gained in the last hour, per integration and labels, but for
    catch-ups."""
    return account(steady(f"increase({of(metric)}[1h]{offset})", offset), *labels)


def share_of_bots(offset: str = "") -> str:
    """Bots over sessions of the last hour, over all chosen integrations."""
    bots = hourly("isnotai_bot_sessions_total", offset=offset)
    sessions = hourly("isnotai_sessions_total", offset=offset)
    return f"sum ({bots}) / (sum ({sessions}) > 0)"


def scores() -> str:
    """The buckets of final bot scores, per second, over all chosen integrations."""
    rate = f"rate({of('isnotai_session_bot_score_bucket')}[$__rate_interval])"
    return f"sum by (le) ({account(steady(rate), 'le')})"
