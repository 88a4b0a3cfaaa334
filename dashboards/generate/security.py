"""*Not AI · Security overview*: is there a wave of AI agents, where, since when, and is it over."""

from alerts.generate.model import RUNBOOKS
from alerts.generate.recording import BOTS as RECORDED_BOTS
from alerts.generate.recording import EVIDENCE, EXPECTED, threshold
from dashboards.generate.bots import DETAILS, PLACES
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
    Dashboard,
    Query,
    Row,
    bars,
    heatmap,
    lines,
    link,
    stat,
    table,
    text,
    words,
)
from dashboards.generate.people import USERS
from dashboards.generate.queries import (
    BEHIND_SECONDS,
    BOTS,
    OF_INTEGRATION,
    SESSIONS,
    TOP_INTEGRATIONS,
    WEEK,
    behind,
    gained,
    of,
    share_of_bots,
    site,
    total,
    window,
)
from dashboards.generate.variables import choice_variable
from exporter.metrics.catalogue import VERDICTS

VENDOR = "https://dash.isnotai.com"

_SCORE = "A high score means bot: 0.7 and above is what the API calls one."
_NO_SESSIONS = "no session was counted in this time"
_NO_LAST_WEEK = "there is no data of last week yet"
_NO_ANALYTICS = "analytics are switched off, or were not read yet"
_NO_RULES = "load the recording rules (alerts/prometheus/recording.yaml): the alerts' own lines"
_SHARE_STEPS = ((None, BLUE), (0.2, ORANGE), (0.4, VERMILLION))
_BY_INTEGRATION = ("integration",)
_THIS_INTEGRATION = (
    "/d/notai-security?${datasource:queryparam}&var-integration=${%s}&${__url_time_range}"
)
_OPEN_LINE = link("Show this integration alone", _THIS_INTEGRATION % "__field.labels.integration")
_OPEN_ROW = link("Show this integration alone", _THIS_INTEGRATION % "__value.raw")
_REVIEW = link("Review its sessions in Not AI", VENDOR, new_tab=True)
ALERTS = (
    'ALERTS{alertname=~"NotAI.+",cluster=~"$cluster",namespace=~"$namespace",job=~"$job",'
    'integration=~"$integration"}'
)


def _recorded(name: str) -> str:
    """What the alerts' recording rules made of the chosen sites: the alerts' own numbers."""
    selector = OF_INTEGRATION.replace('instance=~"$instance",', "")
    return f"{name}{{{selector}}}"


_NOW = Row(
    "Is there a wave?",
    5,
    (
        stat(
            "Most affected, last hour",
            "The integration with the highest share of bots in the last hour, of those with at "
            "least 20 sessions. A large calm one hides no small one. " + _SCORE,
            "percentunit",
            f"topk(1, {share_of_bots(_BY_INTEGRATION, least=20)})",
            name="{{integration}}",
            instant=True,
            width=4,
            steps=_SHARE_STEPS,
            decimals=1,
            empty="no integration had 20 sessions",
            links=(_OPEN_LINE,),
        ),
        stat(
            "Bots, last 10 minutes",
            "Sessions whose score reached the threshold in the last ten minutes, over all chosen "
            "integrations: near 0 when a wave is over.",
            COUNT,
            gained(BOTS, within="10m"),
            width=3,
            decimals=0,
            empty=_NO_SESSIONS,
        ),
        stat(
            "Bots, last hour",
            "Distinct sessions whose score reached the threshold in the last hour. " + _SCORE,
            COUNT,
            gained(BOTS),
            width=3,
            decimals=0,
            empty=_NO_SESSIONS,
        ),
        stat(
            "Bots, selected range",
            "Distinct sessions whose score reached the threshold in the time that the dashboard "
            "shows, whatever it is.",
            COUNT,
            gained(BOTS, within="$__range"),
            instant=True,
            width=3,
            decimals=0,
            empty=_NO_SESSIONS,
        ),
        stat(
            "Bot share, all together",
            "Share of bots among the last hour's sessions of all chosen integrations. " + _SCORE,
            "percentunit",
            share_of_bots(),
            width=3,
            steps=_SHARE_STEPS,
            decimals=1,
            empty=_NO_SESSIONS,
        ),
        stat(
            "Against last week",
            "The bot share of the last hour minus that of the same hour last week, in points of "
            "the whole: +10 % here means ten sessions more in a hundred are bots.",
            "percentunit",
            f"({share_of_bots()}) - ({share_of_bots(offset=WEEK)})",
            width=3,
            steps=((None, BLUE), (0.05, ORANGE), (0.1, VERMILLION)),
            decimals=1,
            empty=_NO_LAST_WEEK,
        ),
        stat(
            "Alerts firing",
            "How many of the exporter's alerts fire in Prometheus now; which ones, the table "
            "below says.",
            "short",
            "count(max by (alertname, integration) ("
            + ALERTS.replace("ALERTS{", 'ALERTS{alertstate="firing",')
            + "))",
            instant=True,
            width=2,
            steps=((None, VERMILLION),),
            decimals=0,
            empty="none",
        ),
        stat(
            "Data is behind by",
            "How old the frontier is, by the API's clock: every session created before it is "
            "counted. Ten minutes are normal.",
            "s",
            f"max ({behind()})",
            width=3,
            steps=((None, BLUE), (BEHIND_SECONDS, ORANGE), (3 * BEHIND_SECONDS, VERMILLION)),
            decimals=0,
            empty="sessions are switched off, or were not read yet",
        ),
    ),
)

_WHICH = Row(
    "Which integration, and is it over?",
    9,
    (
        lines(
            "Bots in ten minutes, by integration",
            "Bots in the ten minutes before each moment, of the ten integrations with most bots "
            "in the range shown. A wave is over when its line is down again; a click shows one "
            "integration alone.",
            "short",
            Query(
                f"{gained(BOTS, _BY_INTEGRATION, within='10m')} {TOP_INTEGRATIONS}",
                "{{integration}}",
            ),
            decimals=0,
            empty=_NO_SESSIONS,
            links=(_OPEN_LINE,),
        ),
        lines(
            "Bot share of the hour, by integration",
            "Share of bots among the sessions of the hour before each moment, where there were "
            "20 at least, of the ten integrations with most bots in the range shown. " + _SCORE,
            "percentunit",
            Query(
                f"{share_of_bots(_BY_INTEGRATION, least=20)} {TOP_INTEGRATIONS}",
                "{{integration}}",
            ),
            maximum=1,
            empty="no integration had 20 sessions an hour",
            links=(_OPEN_LINE,),
        ),
    ),
)

_ALERTING = Row(
    "How near is an alert?",
    9,
    (
        lines(
            "Bots of the hour, and what is usual",
            "Bots in the hour before each moment, how many the alerts expect at this time of day "
            "by the week before, and from how many on one pages; all chosen together.",
            "short",
            Query(f"sum ({site(_recorded(f'{RECORDED_BOTS}increase1h'))})", "bots", VERMILLION),
            Query(f"sum ({site(_recorded(f'{EXPECTED}1h'))})", "usual", GREY, dashed=True),
            Query(
                f"{threshold('page_ratio')} * sum ({site(_recorded(f'{EXPECTED}1h'))})",
                "pages from here, if no chance",
                ORANGE,
                dashed=True,
            ),
            width=8,
            empty=_NO_RULES,
        ),
        lines(
            "Evidence against chance",
            "How surely the bots of the last hour are more than usual, of the ten integrations "
            "with most bots in the range shown; from the dashed line on an alert is raised.",
            "none",
            Query(
                # No evidence is recorded where there are no more bots than usual.
                f"({site(_recorded(f'{EVIDENCE}1h'))} or 0 * "
                f"{site(_recorded(f'{EXPECTED}1h'))}) {TOP_INTEGRATIONS}",
                "{{integration}}",
            ),
            Query(
                f"max ({threshold('page_evidence', bare=True)})",
                "threshold",
                ORANGE,
                dashed=True,
            ),
            width=8,
            decimals=1,
            empty=_NO_RULES,
            links=(_OPEN_LINE,),
        ),
        table(
            "Alerts",
            "The exporter's alerts that are pending or firing in Prometheus. A click on a name "
            "opens its runbook.",
            (
                ("alertname", "Alert"),
                ("integration", "Integration"),
                ("severity", "Severity"),
            ),
            Column(
                "State",
                f"max by (alertname, integration, severity) ({ALERTS.replace('}', '')}"
                ',alertstate="firing"}) * 2 or max by (alertname, integration, severity) ('
                + ALERTS
                + ")",
                "none",
                mappings=words((1, "pending", ORANGE), (2, "firing", VERMILLION)),
            ),
            width=8,
            sort_by="State",
            empty="no alert is pending or firing",
            cell_links={
                "Alert": [link("Runbook", RUNBOOKS + "#${__value.raw:lowercase}", new_tab=True)],
                "Integration": [_OPEN_ROW],
            },
        ),
    ),
)

_INTEGRATIONS = Row(
    "",
    6,
    (
        table(
            "By integration",
            "One row per integration, the most bots of the last hour first; a click on a name "
            "shows it alone. " + _SCORE,
            (("integration", "Integration"),),
            Column("Bots, 10 min", gained(BOTS, _BY_INTEGRATION, within="10m"), decimals=0),
            Column("Bots, 1 h", gained(BOTS, _BY_INTEGRATION), decimals=0),
            Column("Sessions, 1 h", gained(SESSIONS, _BY_INTEGRATION), decimals=0),
            Column(
                "Bot share, 1 h", share_of_bots(_BY_INTEGRATION), "percentunit", _SHARE_STEPS, 1
            ),
            Column(
                "Last week",
                share_of_bots(_BY_INTEGRATION, offset=WEEK),
                "percentunit",
                _SHARE_STEPS,
                1,
            ),
            Column("Bots, range", gained(BOTS, _BY_INTEGRATION, within="$__range"), decimals=0),
            Column("Behind by", f"max by (integration) ({behind()})", "s", decimals=0),
            width=17,
            sort_by="Bots, 1 h",
            empty=_NO_SESSIONS,
            cell_links={"Integration": [_OPEN_ROW, _REVIEW]},
        ),
        text(
            "What to do",
            "Where to go on from here: the sessions themselves are in no metric, since they are "
            "somebody's.",
            "**Who is it?** On a host with the exporter and its key:\n\n"
            "```sh\nisnotai-exporter sessions --bot-only --since 1h\n```\n\n"
            f"Add `--integration NAME` for one. Or [review them in Not AI]({VENDOR}).\n\n"
            f"**What now?** The [runbook]({RUNBOOKS}) has a section for each alert: the first "
            "steps, and what is known about false alarms.",
            width=7,
        ),
    ),
)

_COURSE = Row(
    "Against last week",
    9,
    (
        lines(
            "Bot share, against last week",
            "Share of bots among the sessions of the hour before each moment; dashed: the same "
            "hour a week earlier. " + _SCORE,
            "percentunit",
            Query(share_of_bots(), "now", VERMILLION),
            Query(share_of_bots(offset=WEEK), "last week", GREY, dashed=True),
            empty=_NO_SESSIONS,
        ),
        lines(
            "Sessions an hour, against last week",
            "Sessions and bots in the hour before each moment; dashed: a week earlier. All fall "
            "to 0 together when the pixel is gone; after an outage the backlog shows as a peak of "
            "both.",
            "short",
            Query(gained(SESSIONS), "sessions", BLUE),
            Query(gained(SESSIONS, offset=WEEK), "sessions last week", BLUE, dashed=True),
            Query(gained(BOTS), "bots", VERMILLION),
            Query(gained(BOTS, offset=WEEK), "bots last week", VERMILLION, dashed=True),
            empty=_NO_SESSIONS,
        ),
    ),
)

_BOT_FLAGS, _ALL_FLAGS = "isnotai_bot_session_flags_total", "isnotai_session_flags_total"

_TRAITS = Row(
    "Which traits do the bots have?",
    9,
    (
        lines(
            "Flags of bots, an hour",
            "The ten flags that bots had most often in the range shown, each in the hour before. "
            "One that jumps alone points to one tool.",
            "short",
            Query(
                f"{gained(_BOT_FLAGS, ('flag',), step='5m')} and on (flag) topk(10, "
                + gained(_BOT_FLAGS, ("flag",), within="$__range", offset=" @ end()", step="5m")
                + ")",
                "{{flag}}",
            ),
            decimals=0,
            empty="no bot had a flag in this time",
        ),
        table(
            "Flags, last hour",
            "Sessions with each detection flag. A flag that is mostly the bots' tells agents "
            "apart; one that people share does not. other: beyond the bound of flags.",
            (("flag", "Flag"),),
            Column("Bots", gained(_BOT_FLAGS, ("flag",)), decimals=0),
            Column("All sessions", gained(_ALL_FLAGS, ("flag",)), decimals=0),
            Column(
                "Are bots",
                f"{gained(_BOT_FLAGS, ('flag',))} / ({gained(_ALL_FLAGS, ('flag',))} > 0)",
                "percentunit",
                decimals=0,
            ),
            Column(
                "Of the bots",
                f"{gained(_BOT_FLAGS, ('flag',))} / on () group_left () ({gained(BOTS)} > 0)",
                "percentunit",
                decimals=0,
            ),
            width=12,
            sort_by="Bots",
            empty="no session had a flag in this time",
        ),
    ),
)

_SCORES_IN_HOUR = gained("isnotai_session_bot_score_bucket", ("le",), step="5m")
_SCORE_SUM = gained("isnotai_session_bot_score_sum")
_SCORE_COUNT = gained("isnotai_session_bot_score_count")

_SCORES = Row(
    "Scores",
    9,
    (
        heatmap(
            "Bot scores",
            "Final scores of the sessions settled in the hour before each moment, low at the "
            "bottom: bright cells hold many. People gather at the bottom, agents at the top. "
            + _SCORE,
            "short",
            _SCORES_IN_HOUR,
            empty="no session was settled in this time",
        ),
        lines(
            "Score quantiles and mean",
            "In the hour before each moment half of the sessions scored below the median, one in "
            "ten above the 90th percentile. A shift of all lines points to the vendor's model, "
            "one of the upper ones to agents. " + _SCORE,
            "none",
            Query(f"histogram_quantile(0.5, {_SCORES_IN_HOUR})", "median", BLUE, exemplars=True),
            Query(f"histogram_quantile(0.9, {_SCORES_IN_HOUR})", "90th percentile", ORANGE),
            Query(f"histogram_quantile(0.99, {_SCORES_IN_HOUR})", "99th percentile", VERMILLION),
            Query(f"{_SCORE_SUM} / ({_SCORE_COUNT} > 0)", "mean", GREEN, dashed=True),
            maximum=1,
            decimals=2,
            empty="no session was settled in this time",
        ),
    ),
)

_ORIGIN_SHARE = f"max by (origin) ({window('isnotai_analytics_origin_bot_ratio')})"
_ORIGIN_SESSIONS = total(window("isnotai_analytics_origin_sessions"), "origin")
_TOP_ORIGINS = (
    "and on (origin) topk(10, sum by (origin) (max_over_time("
    + window("isnotai_analytics_origin_sessions")
    + "[$__range] @ end())))"
)

_WHERE = Row(
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
            Column("Bot share", _ORIGIN_SHARE, "percentunit", _SHARE_STEPS, 1),
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


_ANALYTICS = Row(
    "The API's own analytics (the chosen window)",
    8,
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
    "(max by (integration) ("
    + window("isnotai_analytics_generated_timestamp_seconds")
    + ") - max by (integration) ("
    + of("isnotai_api_clock_skew_seconds")
    + ")) * 1000"
)
"""When the analytics were made, by our clock."""

_BY_WINDOW = Row(
    "",
    5,
    (
        table(
            "Analytics by integration",
            "What the API's analytics say of the chosen window, one row per integration, and how "
            "old that is. " + _SCORE,
            (("integration", "Integration"),),
            *(
                Column(
                    title,
                    f"max by (integration) ({window(metric)})",
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
            Column(
                "Active now", f"max by (integration) ({of('isnotai_sessions_active')})", decimals=0
            ),
            width=24,
            sort_by="Bot share",
            empty=_NO_ANALYTICS,
            cell_links={"Integration": [_OPEN_ROW]},
        ),
    ),
)

BOARD = Dashboard(
    "notai-security",
    "Not AI · Security overview",
    "Whether there is a wave of AI agents, at which integration, since when and whether it is "
    "over; which traits the bots have. A high score means bot.",
    (
        _NOW,
        _WHICH,
        _ALERTING,
        _INTEGRATIONS,
        _COURSE,
        _TRAITS,
        _SCORES,
        _WHERE,
        _ANALYTICS,
        _BY_WINDOW,
        PLACES,
        DETAILS,
        USERS,
    ),
    (
        choice_variable(
            "window",
            "Window",
            f"label_values(isnotai_analytics_sessions{{{OF_INTEGRATION}}}, window)",
            "24h",
        ),
    ),
)
