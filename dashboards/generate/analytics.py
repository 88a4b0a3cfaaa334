"""The rows about the API's own analytics, of the window that the dashboard shows."""

from dashboards.generate.panels import (
    BLUE,
    COUNT,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    VERMILLION,
    YELLOW,
    Column,
    Query,
    Row,
    bars,
    lines,
    table,
)
from dashboards.generate.queries import of, site, total, window
from dashboards.generate.reading import OPEN_ROW, SCORE, SHARE_STEPS, SITE_COLUMNS
from exporter.metrics.catalogue import VERDICTS

_NO_ANALYTICS = "analytics are switched off, or were not read yet"

_ORIGIN_SHARE = f"max by (origin) ({window('isnotai_analytics_origin_bot_ratio')})"
_ORIGIN_SESSIONS = total(window("isnotai_analytics_origin_sessions"), "origin")
_TOP_ORIGINS = (
    "and on (origin) topk(10, sum by (origin) (max_over_time("
    + window("isnotai_analytics_origin_sessions")
    + "[$__range] @ end())))"
)

WHERE = Row(
    "Where do they come from? (the chosen window)",
    9,
    (
        lines(
            "Bot share by origin",
            "The API's own share of bots at each origin over the chosen window, which slides; of "
            "the ten origins with most sessions. One that rises alone is the target.",
            "percentunit",
            Query(f"{_ORIGIN_SHARE} {_TOP_ORIGINS}", "{{origin}}"),
            width=10,
            empty=_NO_ANALYTICS,
        ),
        table(
            "Origins",
            "The origins that the API lists, with their sessions and share of bots in the chosen "
            "window.",
            (("origin", "Origin"),),
            Column("Sessions", _ORIGIN_SESSIONS, decimals=0),
            Column("Bot share", _ORIGIN_SHARE, "percentunit", SHARE_STEPS, 1),
            width=6,
            sort_by="Bot share",
            empty=_NO_ANALYTICS,
        ),
        bars(
            "Devices",
            "Sessions of the chosen window by kind of device, people's and bots': the API does "
            "not tell them apart here.",
            "short",
            Query(
                f"sort_desc({total(window('isnotai_analytics_devices'), 'device')})",
                "{{device}}",
                instant=True,
            ),
            width=4,
            empty=_NO_ANALYTICS,
        ),
        bars(
            "Browsers",
            "Sessions of the chosen window by browser, people's and bots', the ten most frequent.",
            "short",
            Query(
                f"sort_desc(topk(10, {total(window('isnotai_analytics_browsers'), 'browser')}))",
                "{{browser}}",
                instant=True,
            ),
            width=4,
            empty=_NO_ANALYTICS,
        ),
    ),
)


def _average(metric: str) -> str:
    return f"avg ({site(window(metric))})"


ANALYTICS = Row(
    "The API's own analytics (the chosen window)",
    8,
    (
        lines(
            "Verdicts",
            "Sessions of the chosen window by the API's verdict, stacked. The window slides, so "
            "this does not count new sessions. High confidence means: surely a bot.",
            "short",
            *(
                Query(
                    total(window("isnotai_analytics_verdicts", f'verdict="{verdict}"')),
                    verdict.replace("_", " "),
                    colour,
                )
                for verdict, colour in zip(
                    reversed(VERDICTS), (BLUE, YELLOW, ORANGE, VERMILLION), strict=True
                )
            ),
            stacked=True,
            width=6,
            empty=_NO_ANALYTICS,
        ),
        lines(
            "Match share, confidence, bot share",
            "Share of sessions matched to a user, how sure the API is of it, its own share of "
            "bots and the mean score, each averaged over the integrations.",
            "percentunit",
            Query(_average("isnotai_analytics_user_match_ratio"), "match share", GREEN),
            Query(
                _average("isnotai_analytics_correlation_confidence_average"), "confidence", PURPLE
            ),
            Query(_average("isnotai_analytics_bot_ratio"), "bot share", VERMILLION),
            Query(
                _average("isnotai_analytics_bot_score_average"), "mean score", ORANGE, dashed=True
            ),
            width=6,
            maximum=1,
            empty=_NO_ANALYTICS,
        ),
        lines(
            "Matched to users",
            "Sessions that the API could match to a user, and those it could not. A fall of the "
            "matched points to the platform's login.",
            "short",
            Query(
                total(window("isnotai_analytics_user_matches", 'matched="true"')), "matched", GREEN
            ),
            Query(
                total(window("isnotai_analytics_user_matches", 'matched="false"')),
                "not matched",
                GREY,
            ),
            stacked=True,
            width=6,
            empty=_NO_ANALYTICS,
        ),
        lines(
            "Unique users and bots",
            "Unique users and unique bots of the window, summed over the integrations. Uniques "
            "must not be added over time.",
            "short",
            Query(total(window("isnotai_analytics_unique_users")), "users", BLUE),
            Query(total(window("isnotai_analytics_unique_bots")), "bots", VERMILLION),
            width=6,
            empty=_NO_ANALYTICS,
        ),
    ),
)

_MADE = (
    f"({site(window('isnotai_analytics_generated_timestamp_seconds'))}"
    f" - {site(of('isnotai_api_clock_skew_seconds'))}) * 1000"
)
"""When the analytics were made, by our clock."""

BY_WINDOW = Row(
    "",
    5,
    (
        table(
            "Analytics by integration",
            "What the API's analytics say of the chosen window, one row per integration of a "
            "job, and how old that is. " + SCORE,
            SITE_COLUMNS,
            *(
                Column(
                    title,
                    site(window(metric)),
                    unit,
                    decimals=decimals,
                )
                for title, metric, unit, decimals in (
                    ("Sessions", "isnotai_analytics_sessions", COUNT, 0),
                    ("Bot share", "isnotai_analytics_bot_ratio", "percentunit", 1),
                    ("Mean score", "isnotai_analytics_bot_score_average", "none", 2),
                    ("Events", "isnotai_analytics_events", COUNT, 0),
                    (
                        "Events a session",
                        "isnotai_analytics_events_per_session_average",
                        "short",
                        0,
                    ),
                )
            ),
            Column("Made", _MADE, "dateTimeFromNow"),
            Column("Active now", site(of("isnotai_sessions_active")), decimals=0),
            width=24,
            sort_by="Bot share",
            empty=_NO_ANALYTICS,
            cell_links={"Integration": [OPEN_ROW]},
        ),
    ),
)
