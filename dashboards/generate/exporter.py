"""*Not AI · Exporter health*: does it read, count and keep up, and what does it cost."""

from dashboards.generate.bots import FINDINGS
from dashboards.generate.panels import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    VERMILLION,
    Column,
    Dashboard,
    Query,
    Row,
    lines,
    stat,
    table,
    words,
)
from dashboards.generate.queries import (
    BEHIND_SECONDS,
    account,
    behind,
    gained,
    of,
    of_exporters,
    process,
    total,
)

_HOURLY = "increase({}[1h])"
"""Polls come every minute, or every five or fifteen: over a scrape or two most would show as 0."""
_ALL_POLLS = _HOURLY.format(of("isnotai_polls_total"))
_FAILED = _HOURLY.format(of("isnotai_polls_total", 'outcome="failure"'))
_ENDED = _HOURLY.format(of("isnotai_polls_total", 'outcome=~"success|failure"'))
_NO_EXPORTER = "no exporter is up"
_NO_SESSIONS = "sessions are switched off, or were not read yet"
_SKEW = f"max by (instance, integration) ({of('isnotai_api_clock_skew_seconds')})"
_DOWN_UP = words((0, "down", VERMILLION), (1, "up", BLUE))


def _quantile(quantile: str, metric: str) -> str:
    rate = _HOURLY.format(of(f"{metric}_bucket"))
    return f"histogram_quantile({quantile}, sum by (resource, le) ({rate}))"


_NOW = Row(
    "Now",
    5,
    (
        stat(
            "API",
            "up: the last attempt of at least one authenticated resource of every integration "
            "was answered well.",
            "none",
            f"min ({of('isnotai_up')})",
            width=3,
            mappings=_DOWN_UP,
            empty=_NO_EXPORTER,
        ),
        stat(
            "Keys",
            "refused: the API answers 401 to some integration's key, or there is none.",
            "none",
            f"min ({of('isnotai_api_key_valid')})",
            width=3,
            mappings=words((0, "refused", VERMILLION), (1, "valid", BLUE)),
            empty="no key was tried yet",
        ),
        stat(
            "Polls that fail",
            "Share of the last hour's polls that failed. 1 % is the budget of 30 days; 14.4 % "
            "for an hour raises a critical alert.",
            "percentunit",
            f"sum ({_FAILED}) / (sum ({_ENDED}) > 0)",
            steps=((None, BLUE), (0.06, ORANGE), (0.144, VERMILLION)),
            decimals=1,
            empty="no poll ended yet",
        ),
        stat(
            "Behind by",
            "How far the slowest exporter's frontier is behind the API's clock: every session "
            "created before it is counted. Ten minutes are normal, more where the budget is tight.",
            "s",
            f"max ({behind()})",
            steps=((None, BLUE), (BEHIND_SECONDS, ORANGE), (3 * BEHIND_SECONDS, VERMILLION)),
            decimals=0,
            empty=_NO_SESSIONS,
        ),
        stat(
            "Coverage",
            "Sessions counted over those in the API's own analytics, for the last complete hour; "
            "the lowest of the integrations. 100 % is right.",
            "percentunit",
            f"min ({account(of('isnotai_session_coverage_ratio'))})",
            width=4,
            steps=((None, VERMILLION), (0.95, ORANGE), (0.99, BLUE)),
            decimals=1,
            empty="no whole hour was counted yet",
        ),
        stat(
            "Last commit",
            "How long ago counters and frontier were last committed, by the slowest process. It "
            "grows when the disk is full or the API is down.",
            "s",
            f"time() - min ({process('isnotai_exporter_state_last_commit_timestamp_seconds')})",
            width=3,
            steps=((None, BLUE), (300, ORANGE), (900, VERMILLION)),
            decimals=0,
            empty="nothing was committed yet",
        ),
        stat(
            "Settings",
            "old: the last reload failed, and the settings from before still hold.",
            "none",
            f"min ({process('isnotai_exporter_config_last_reload_successful')})",
            width=3,
            mappings=words((0, "old", VERMILLION), (1, "loaded", BLUE)),
            empty=_NO_EXPORTER,
        ),
    ),
)

_RESOURCES = Row(
    "Resources: rate, errors, duration",
    8,
    (
        lines(
            "Polls",
            "Polls in the hour before by resource, whatever their outcome: at the default "
            "intervals 60, 12 or 4 of each. A line at 0 is a resource that is stuck.",
            "short",
            Query(f"sum by (resource) ({_ALL_POLLS})", "{{resource}}"),
            width=8,
            decimals=0,
            empty=_NO_EXPORTER,
        ),
        lines(
            "Failed and skipped polls",
            "In the hour before: polls that failed, by resource, and those of all resources that "
            "were skipped because the one before still ran.",
            "short",
            Query(f"sum by (resource) ({_FAILED})", "{{resource}}"),
            Query(
                "sum (" + _HOURLY.format(of("isnotai_polls_total", 'outcome="skipped"')) + ")",
                "skipped",
                GREY,
                dashed=True,
            ),
            width=8,
            decimals=0,
            empty=_NO_EXPORTER,
        ),
        lines(
            "Poll duration, 99th percentile",
            "How long the slowest polls of the hour before took, waits for the request budget "
            "included.",
            "s",
            Query(_quantile("0.99", "isnotai_poll_duration_seconds"), "{{resource}}"),
            width=8,
            empty=_NO_EXPORTER,
        ),
    ),
)

_API = Row(
    "The API's answers",
    8,
    (
        lines(
            "Answer time, 99th percentile",
            "How long the API took for one request, by resource, in the hour before.",
            "s",
            Query(_quantile("0.99", "isnotai_api_request_duration_seconds"), "{{resource}}"),
            width=8,
            empty=_NO_EXPORTER,
        ),
        lines(
            "Requests without a good answer",
            "Requests that got no 2xx in the hour before, by code; timeout and connection: no "
            "answer.",
            "short",
            Query(
                "sum by (code) ("
                + _HOURLY.format(of("isnotai_api_requests_total", 'code!~"2.."'))
                + ")",
                "{{code}}",
            ),
            width=8,
            decimals=0,
            empty="every request got a good answer",
        ),
        lines(
            "Undecodable answers and items",
            "In the hour before, by resource: 2xx answers that did not decode, and list items "
            "skipped for it. An item skipped of sessions is a session that is not counted.",
            "short",
            Query(
                "sum by (resource) (increase("
                + of("isnotai_api_invalid_responses_total")
                + "[1h])) + sum by (resource) (increase("
                + of("isnotai_api_invalid_items_total")
                + "[1h]))",
                "{{resource}}",
            ),
            width=8,
            decimals=0,
            empty=_NO_EXPORTER,
        ),
    ),
)

_STALENESS = Row(
    "Staleness",
    8,
    (
        table(
            "Resources",
            "Each resource of each integration: whether its last attempt was answered well, how "
            "long ago one was, and how many failed since. Gauges of a resource go away after "
            "five intervals.",
            (("instance", "Instance"), ("integration", "Integration"), ("resource", "Resource")),
            Column(
                "Up",
                f"max by (instance, integration, resource) ({of('isnotai_resource_up')})",
                "bool_yes_no",
                ((None, VERMILLION), (1, BLUE)),
            ),
            Column(
                "Last success",
                "time() - (max by (instance, integration, resource) ("
                + of("isnotai_resource_last_success_timestamp_seconds")
                + ") > 0)",
                "s",
                decimals=0,
            ),
            Column(
                "Failures since",
                "max by (instance, integration, resource) ("
                + of("isnotai_resource_consecutive_failures")
                + ")",
                "short",
                ((None, BLUE), (1, ORANGE), (5, VERMILLION)),
                0,
            ),
            width=14,
            sort_by="Failures since",
            empty=_NO_EXPORTER,
        ),
        lines(
            "Since the last success",
            "Time since each resource was last read well, the worst of the exporters. A saw of "
            "one interval is normal; one that was never read well is left out.",
            "s",
            Query(
                "max by (resource) (time() - ("
                + of("isnotai_resource_last_success_timestamp_seconds")
                + " > 0))",
                "{{resource}}",
            ),
            width=10,
            empty="no resource was read well yet",
        ),
    ),
)

_LEDGER = Row(
    "Counting",
    8,
    (
        lines(
            "Frontier is behind by",
            "By how much counting lags behind the API's clock, for the ten slowest; a falling "
            "line is a catch-up.",
            "s",
            Query(
                f"topk(10, max by (instance, integration) ({behind()}))",
                "{{instance}} {{integration}}",
            ),
            width=8,
            empty=_NO_SESSIONS,
        ),
        lines(
            "Coverage by integration",
            "Sessions counted over those in the API's own analytics, for the last complete hour; "
            "the ten lowest. Below 95 % something is not seen.",
            "percentunit",
            Query(
                f"bottomk(10, {account(of('isnotai_session_coverage_ratio'))})",
                "{{integration}}",
            ),
            width=8,
            empty="no whole hour was counted yet",
        ),
        lines(
            "Unsettled sessions",
            "Sessions whose score and flags may still change, and those of them that are active. "
            "They settle within 15 min.",
            "short",
            Query(total(of("isnotai_sessions_unsettled")), "unsettled", BLUE),
            Query(total(of("isnotai_sessions_active")), "active", GREEN),
            width=8,
            decimals=0,
            empty=_NO_SESSIONS,
        ),
    ),
)

_LATE = Row(
    "",
    8,
    (
        lines(
            "Late sessions",
            "In the hour before: sessions first seen behind the frontier. They are counted; many "
            "of them ask for a longer overlap. A catch-up makes none.",
            "short",
            Query(gained("isnotai_late_sessions_total"), "late", ORANGE),
            width=6,
            decimals=0,
            empty=_NO_SESSIONS,
        ),
        lines(
            "Time that was lost",
            "In the hour before: time whose sessions fell out of the tier's history unread; the "
            "ten integrations with most. It must be 0.",
            "s",
            Query(
                "topk(10, " + gained("isnotai_session_gap_seconds_total", ("integration",)) + ")",
                "{{integration}}",
            ),
            width=6,
            empty=_NO_SESSIONS,
        ),
        lines(
            "Times ahead of the API's clock",
            "Times in the hour before that the frontier stepped back, as a wrong clock had put it "
            "ahead; and sessions listed now as created more than a day ahead of the API's clock, "
            "which are not counted yet. Both stay at 0.",
            "short",
            Query(gained("isnotai_session_frontier_step_backs_total"), "step-backs", ORANGE),
            Query(total(of("isnotai_future_sessions")), "future sessions", VERMILLION),
            width=6,
            decimals=0,
            empty=_NO_SESSIONS,
        ),
        lines(
            "Clock skew",
            "The API's clock minus ours, the ten largest either way. Counting goes by the API's; "
            "minutes of skew do no harm.",
            "s",
            Query(f"{_SKEW} and topk(10, abs({_SKEW}))", "{{instance}} {{integration}}"),
            width=6,
            minimum=None,
            empty="the API's clock was not seen yet",
        ),
    ),
)

_PROCESS = Row(
    "The process",
    8,
    (
        lines(
            "Memory",
            "Resident memory of each exporter; it stays flat over weeks, however much is counted.",
            "bytes",
            Query(of_exporters(process("process_resident_memory_bytes")), "{{instance}}"),
            width=8,
            empty=_NO_EXPORTER,
        ),
        lines(
            "CPU",
            "CPU time of each exporter, in cores: 100 % is one core.",
            "percentunit",
            Query(
                of_exporters(f"rate({process('process_cpu_seconds_total')}[$__rate_interval])"),
                "{{instance}}",
            ),
            width=8,
            empty=_NO_EXPORTER,
        ),
        lines(
            "Series",
            "Series that each exporter exposes, besides those of its runtime.",
            "short",
            Query(process("isnotai_exporter_series"), "{{instance}}"),
            width=8,
            decimals=0,
            empty=_NO_EXPORTER,
        ),
    ),
)

_BOUNDS = Row(
    "",
    8,
    (
        lines(
            "Folded labels",
            "Label values that went into other, or were left out, in the hour before, because a "
            "label has a bound. It rises with each poll for as long as one is hit.",
            "short",
            Query(
                "sum by (family) (increase("
                + process("isnotai_exporter_series_dropped_total")
                + "[1h]))",
                "{{family}}",
            ),
            width=10,
            decimals=0,
            empty=_NO_EXPORTER,
        ),
        lines(
            "Log lines dropped",
            "Lines of the log that nobody read in time, in the hour before, of each exporter. It "
            "never waits for them.",
            "short",
            Query(
                f"increase({process('isnotai_exporter_log_lines_dropped_total')}[1h])",
                "{{instance}}",
            ),
            width=7,
            decimals=0,
            empty=_NO_EXPORTER,
        ),
        lines(
            "OTLP exports",
            "Exports in the hour before by outcome, where OTLP is on.",
            "short",
            Query(
                "sum by (outcome) (increase("
                + process("isnotai_exporter_otlp_exports_total")
                + "[1h]))",
                "{{outcome}}",
            ),
            width=7,
            decimals=0,
            empty="OTLP is off: no endpoint is set",
        ),
    ),
)

_VERSIONS = Row(
    "Versions",
    5,
    (
        table(
            "Exporters",
            "Version and revision of each exporter, and since when it runs.",
            (("instance", "Instance"), ("version", "Version"), ("revision", "Revision")),
            Column(
                "Started",
                "max by (instance, version, revision) ("
                + process("isnotai_exporter_build_info")
                + ") * on (instance) group_left () max by (instance) ("
                + process("process_start_time_seconds")
                + ") * 1000",
                "dateTimeFromNow",
            ),
            width=14,
            empty=_NO_EXPORTER,
        ),
        table(
            "The API",
            "The API's version, as its health resource tells it.",
            (("integration", "Integration"), ("version", "Version")),
            Column(
                "Exporters that see it",
                f"count by (integration, version) ({of('isnotai_api_info')})",
                decimals=0,
            ),
            width=10,
            empty="health is switched off, or was not read yet",
        ),
    ),
)

_NO_CONTRACT = "the contract is switched off (poll.openapi_interval), or was not read yet"

_CONTRACT = Row(
    "The API's own document",
    5,
    (
        stat(
            "As it is read",
            "Whether /openapi/v3.json has all that the exporter reads, as it reads it.",
            "none",
            f"min ({of('isnotai_api_schema_known')})",
            width=6,
            steps=((None, VERMILLION), (1, BLUE)),
            mappings=words((0, "no", VERMILLION), (1, "yes", BLUE)),
            empty=_NO_CONTRACT,
        ),
        table(
            "Differences",
            "What the document has otherwise than the exporter. Removed and changed: of what is "
            "read; the log names each.",
            (("integration", "Integration"),),
            *(
                Column(
                    kind.capitalize(),
                    account(of("isnotai_api_schema_changes", f'kind="{kind}"')),
                    decimals=0,
                )
                for kind in ("removed", "changed", "added")
            ),
            width=18,
            empty=_NO_CONTRACT,
        ),
    ),
    needs="isnotai_api_schema_known",
)

BOARD = Dashboard(
    "notai-exporter",
    "Not AI · Exporter health",
    "Whether the exporters read the API, count all sessions and keep up, and what they cost.",
    (
        _NOW,
        _RESOURCES,
        _API,
        _STALENESS,
        _LEDGER,
        _LATE,
        _PROCESS,
        FINDINGS,
        _BOUNDS,
        _VERSIONS,
        _CONTRACT,
    ),
    span="now-6h",
)
