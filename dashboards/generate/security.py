"""*Not AI · Security overview*: how many AI agents are there, where, and is it more than usual."""

from dashboards.generate.panels import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    VERMILLION,
    YELLOW,
    Column,
    Dashboard,
    Query,
    Row,
    bars,
    heatmap,
    lines,
    stat,
    table,
)
from dashboards.generate.queries import (
    OF_INTEGRATION,
    WEEK,
    account,
    hourly,
    of,
    scores,
    share_of_bots,
    total,
    window,
)
from dashboards.generate.variables import choice_variable
from exporter.metrics.catalogue import VERDICTS

_CATCH_UP = (
    " Where an exporter was catching up after an outage within the hour, nothing is drawn: its "
    "backlog would look like an attack."
)
_SCORE = "A high score means bot: 0.7 and above is what the API calls one."
_SHARE_STEPS = ((None, BLUE), (0.2, ORANGE), (0.4, VERMILLION))

_SESSIONS = hourly("isnotai_sessions_total")
_BOTS = hourly("isnotai_bot_sessions_total")
_FLAGS = hourly("isnotai_session_flags_total", "flag")
_BOT_FLAGS = hourly("isnotai_bot_session_flags_total", "flag")
_SCORES_IN_HOUR = f"sum by (le) ({hourly('isnotai_session_bot_score_bucket', 'le')})"
"""Over a scrape or two, less than a session a minute would leave mostly gaps."""
_SCORE_SUM = hourly("isnotai_session_bot_score_sum")
_SCORE_COUNT = hourly("isnotai_session_bot_score_count")

_NOW = Row(
    "Now",
    5,
    (
        stat(
            "Bot share",
            "Share of the last hour's sessions whose bot score reached the threshold. "
            + _SCORE
            + _CATCH_UP,
            "percentunit",
            share_of_bots(),
            width=5,
            steps=_SHARE_STEPS,
            decimals=1,
        ),
        stat(
            "Against last week",
            "The bot share of the last hour minus that of the same hour last week, in points of "
            "the whole: +10 % here means ten sessions more in a hundred are bots. " + _SCORE,
            "percentunit",
            f"({share_of_bots()}) - ({share_of_bots(WEEK)})",
            width=5,
            steps=((None, BLUE), (0.05, ORANGE), (0.1, VERMILLION)),
            decimals=1,
        ),
        stat(
            "Bot sessions, last hour",
            "Distinct sessions whose score reached the threshold in the last hour. " + _SCORE,
            "short",
            f"sum ({_BOTS})",
            decimals=0,
        ),
        stat(
            "Sessions, last hour",
            "Distinct sessions first seen in the last hour; the pixel may sample, so these are "
            "recorded sessions.",
            "short",
            f"sum ({_SESSIONS})",
            decimals=0,
        ),
        stat(
            "Active sessions",
            "Sessions last seen active whose score may still change.",
            "short",
            total(of("isnotai_sessions_active")),
            width=3,
            decimals=0,
        ),
        stat(
            "Data is behind by",
            "How old the frontier is: every session created before it is counted. A few minutes "
            "are normal; more than 10 hold security alerts back.",
            "s",
            f"time() - min ({account(of('isnotai_session_frontier_timestamp_seconds'))})",
            width=3,
            steps=((None, BLUE), (600, ORANGE), (900, VERMILLION)),
            decimals=0,
        ),
    ),
)

_COURSE = Row(
    "Sessions and bots",
    9,
    (
        lines(
            "Bot share, against last week",
            "Share of bots among the sessions of the hour before each moment; dashed: the same "
            "hour a week earlier. " + _SCORE + _CATCH_UP,
            "percentunit",
            Query(share_of_bots(), "now", VERMILLION),
            Query(share_of_bots(WEEK), "last week", GREY, dashed=True),
        ),
        lines(
            "Sessions an hour, against last week",
            "Sessions and bots in the hour before each moment; dashed: a week earlier. The lines "
            "fall to 0 together when the pixel is gone." + _CATCH_UP,
            "short",
            Query(f"sum ({_SESSIONS})", "sessions", BLUE),
            Query(
                f"sum ({hourly('isnotai_sessions_total', offset=WEEK)})",
                "sessions last week",
                BLUE,
                dashed=True,
            ),
            Query(f"sum ({_BOTS})", "bots", VERMILLION),
            Query(
                f"sum ({hourly('isnotai_bot_sessions_total', offset=WEEK)})",
                "bots last week",
                VERMILLION,
                dashed=True,
            ),
        ),
    ),
)

_SCORES = Row(
    "Scores",
    9,
    (
        heatmap(
            "Bot scores",
            "Final scores of settled sessions, low at the bottom: bright cells hold many. "
            + _SCORE
            + " People gather at the bottom, agents at the top.",
            "ops",
            scores(),
        ),
        lines(
            "Score quantiles and mean",
            "In the hour before each moment half of the sessions scored below the median, one in "
            "ten above the 90th percentile. "
            + _SCORE
            + " A shift of all lines points to the vendor's model, one of the upper ones to "
            "agents." + _CATCH_UP,
            "none",
            Query(f"histogram_quantile(0.5, {_SCORES_IN_HOUR})", "median", BLUE),
            Query(f"histogram_quantile(0.9, {_SCORES_IN_HOUR})", "90th percentile", ORANGE),
            Query(f"histogram_quantile(0.99, {_SCORES_IN_HOUR})", "99th percentile", VERMILLION),
            Query(
                f"sum ({_SCORE_SUM}) / (sum ({_SCORE_COUNT}) > 0)",
                "mean",
                GREEN,
                dashed=True,
            ),
            maximum=1,
        ),
    ),
)

_VERDICTS = Row(
    "Verdicts and flags",
    9,
    (
        lines(
            "Verdicts",
            "Sessions of the chosen window by the API's verdict, stacked. The window slides, so "
            "this is no count of new sessions. High confidence means: surely a bot.",
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
            width=8,
        ),
        bars(
            "Flags of bots, last hour",
            "The ten detection flags that sessions counted as bots had most often in the last "
            "hour; other: beyond the bound of flags." + _CATCH_UP,
            "short",
            Query(f"sort_desc(topk(10, sum by (flag) ({_BOT_FLAGS})))", "{{flag}}", instant=True),
            decimals=0,
        ),
        lines(
            "Flags an hour",
            "The ten most frequent flags over time, each in the hour before. A flag that jumps "
            "alone points to one tool." + _CATCH_UP,
            "short",
            Query(f"topk(10, sum by (flag) ({_FLAGS}))", "{{flag}}"),
            width=8,
        ),
    ),
)

_WHERE = Row(
    "Where they come from (the chosen window)",
    8,
    (
        table(
            "Origins",
            "The origins that the API lists, with their sessions and share of bots. A high share "
            "at one origin points to a target.",
            (("origin", "Origin"),),
            Column(
                "Sessions", total(window("isnotai_analytics_origin_sessions"), "origin"), decimals=0
            ),
            Column(
                "Bot share",
                f"max by (origin) ({window('isnotai_analytics_origin_bot_ratio')})",
                "percentunit",
                _SHARE_STEPS,
                1,
            ),
            width=12,
            sort_by="Bot share",
        ),
        bars(
            "Devices",
            "Sessions by kind of device. Agents mostly come as desktops.",
            "short",
            Query(
                f"sort_desc({total(window('isnotai_analytics_devices'), 'device')})",
                "{{device}}",
                instant=True,
            ),
            width=6,
        ),
        bars(
            "Browsers",
            "Sessions by browser, the ten most frequent.",
            "short",
            Query(
                f"sort_desc(topk(10, {total(window('isnotai_analytics_browsers'), 'browser')}))",
                "{{browser}}",
                instant=True,
            ),
            width=6,
        ),
    ),
)

_USERS = Row(
    "Users and analytics (the chosen window)",
    8,
    (
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
            width=8,
        ),
        lines(
            "Match share, confidence, bot share",
            "Share of sessions matched to a user, how sure the API is of it, and its own share "
            "of bots, each averaged over the integrations.",
            "percentunit",
            Query(
                f"avg ({account(window('isnotai_analytics_user_match_ratio'))})",
                "match share",
                GREEN,
            ),
            Query(
                f"avg ({account(window('isnotai_analytics_correlation_confidence_average'))})",
                "confidence",
                PURPLE,
            ),
            Query(
                f"avg ({account(window('isnotai_analytics_bot_ratio'))})", "bot share", VERMILLION
            ),
            Query(
                f"avg ({account(window('isnotai_analytics_bot_score_average'))})",
                "mean score",
                ORANGE,
                dashed=True,
            ),
            width=8,
            maximum=1,
        ),
        lines(
            "Unique users and bots",
            "Unique users and unique bots of the window, summed over the integrations. Uniques "
            "must not be added over time.",
            "short",
            Query(total(window("isnotai_analytics_unique_users")), "users", BLUE),
            Query(total(window("isnotai_analytics_unique_bots")), "bots", VERMILLION),
            width=8,
        ),
    ),
)

_BY_INTEGRATION = Row(
    "Integrations",
    7,
    (
        table(
            "By integration",
            "One row per integration, the highest bot share first. " + _SCORE + _CATCH_UP,
            (("integration", "Integration"),),
            Column("Sessions, 1 h", _SESSIONS, decimals=0),
            Column("Bots, 1 h", _BOTS, decimals=0),
            Column("Bot share", f"{_BOTS} / ({_SESSIONS} > 0)", "percentunit", _SHARE_STEPS, 1),
            Column(
                "Mean score, window",
                account(window("isnotai_analytics_bot_score_average")),
                "none",
                decimals=2,
            ),
            Column("Sessions, window", account(window("isnotai_analytics_sessions")), decimals=0),
            Column("Events, window", account(window("isnotai_analytics_events"))),
            Column(
                "Events a session",
                account(window("isnotai_analytics_events_per_session_average")),
                decimals=0,
            ),
            Column(
                "Analytics made",
                f"{account(window('isnotai_analytics_generated_timestamp_seconds'))} * 1000",
                "dateTimeFromNow",
            ),
            width=24,
            sort_by="Bot share",
        ),
    ),
)

BOARD = Dashboard(
    "notai-security",
    "Not AI · Security overview",
    "How many AI agents visit, against last week; where, with which traits; and how fresh the "
    "data is. A high score means bot.",
    (_NOW, _COURSE, _SCORES, _VERDICTS, _WHERE, _USERS, _BY_INTEGRATION),
    (
        choice_variable(
            "window",
            "Window",
            f"label_values(isnotai_analytics_sessions{{{OF_INTEGRATION}}}, window)",
            "24h",
        ),
    ),
)
