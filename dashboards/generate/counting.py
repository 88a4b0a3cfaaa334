"""The rows about counting: how far it is, whether all is counted, and what came late."""

from dashboards.generate.panels import BLUE, GREEN, ORANGE, VERMILLION, Query, Row, lines
from dashboards.generate.queries import SESSIONS_NOT_READ, behind, gained, of, site, total
from dashboards.generate.reading import SITE_NAME
from exporter.backtest.evaluate import SITE_LABELS

_SKEW = site(of("isnotai_api_clock_skew_seconds"), "instance")

LEDGER = Row(
    "Counting",
    8,
    (
        lines(
            "Frontier is behind by",
            "By how much counting lags behind the API's clock, for the ten slowest; a falling "
            "line is a catch-up.",
            "s",
            Query(
                f"topk(10, {site(behind(), 'instance')})",
                f"{{{{instance}}}} {SITE_NAME}",
            ),
            width=8,
            empty=SESSIONS_NOT_READ,
        ),
        lines(
            "Coverage by integration",
            "Sessions counted over those in the API's own analytics, for the last complete hour; "
            "the ten lowest. Below 95 % something is not seen.",
            "percentunit",
            Query(
                f"bottomk(10, {site(of('isnotai_session_coverage_ratio'))})",
                SITE_NAME,
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
            empty=SESSIONS_NOT_READ,
        ),
    ),
)

LATE = Row(
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
            empty=SESSIONS_NOT_READ,
        ),
        lines(
            "Time that was lost",
            "In the hour before: time whose sessions fell out of the tier's history unread; the "
            "ten integrations with most. It must be 0.",
            "s",
            Query(
                "topk(10, " + gained("isnotai_session_gap_seconds_total", SITE_LABELS) + ")",
                SITE_NAME,
            ),
            width=6,
            empty=SESSIONS_NOT_READ,
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
            empty=SESSIONS_NOT_READ,
        ),
        lines(
            "Clock skew",
            "The API's clock minus ours, the ten largest either way. Counting goes by the API's; "
            "minutes of skew do no harm.",
            "s",
            Query(f"{_SKEW} and topk(10, abs({_SKEW}))", f"{{{{instance}}}} {SITE_NAME}"),
            width=6,
            minimum=None,
            empty="the API's clock was not seen yet",
        ),
    ),
)
