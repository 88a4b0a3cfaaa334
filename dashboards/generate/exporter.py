"""*Not AI · Exporter health*: does it read, count and keep up, and what does it cost."""

from dashboards.generate.bots import FINDINGS
from dashboards.generate.counting import LATE, LEDGER
from dashboards.generate.panels import BLUE, ORANGE, VERMILLION, Dashboard, Row, stat, words
from dashboards.generate.polls import API, CONTRACT, FAILED, RESOURCES, STALENESS
from dashboards.generate.process import BOUNDS, PROCESS, REPLICAS, VERSIONS
from dashboards.generate.queries import (
    BEHIND_SECONDS,
    NO_EXPORTER,
    SESSIONS_NOT_READ,
    behind,
    hourly,
    of,
    process,
    site,
)

_ENDED = hourly(of("isnotai_polls_total", 'outcome=~"success|failure"'))
_DOWN_UP = words((0, "down", VERMILLION), (1, "up", BLUE))

NOW = Row(
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
            empty=NO_EXPORTER,
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
            f"sum ({FAILED}) / (sum ({_ENDED}) > 0)",
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
            empty=SESSIONS_NOT_READ,
        ),
        stat(
            "Coverage",
            "Sessions counted over those in the API's own analytics, for the last complete hour; "
            "the lowest of the integrations. 100 % is right.",
            "percentunit",
            f"min ({site(of('isnotai_session_coverage_ratio'))})",
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
            empty=NO_EXPORTER,
        ),
    ),
)

BOARD = Dashboard(
    "notai-exporter",
    "Not AI · Exporter health",
    "Whether the exporters read the API, count all sessions and keep up, and what they cost.",
    (
        NOW,
        RESOURCES,
        API,
        STALENESS,
        LEDGER,
        LATE,
        REPLICAS,
        PROCESS,
        FINDINGS,
        BOUNDS,
        VERSIONS,
        CONTRACT,
    ),
    span="now-6h",
)
