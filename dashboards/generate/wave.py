"""The rows about a wave of bots: whether there is one, at which integration, and since when."""

from alerts.generate.model import RUNBOOKS
from alerts.generate.series import SITE
from dashboards.generate.alerting import ALERTS
from dashboards.generate.panels import (
    BLUE,
    COUNT,
    GREY,
    ORANGE,
    VERMILLION,
    Column,
    Query,
    Row,
    lines,
    link,
    stat,
    table,
    text,
)
from dashboards.generate.queries import (
    BEHIND_SECONDS,
    BOTS,
    SESSIONS,
    SESSIONS_NOT_READ,
    TOP_SITES,
    WEEK,
    behind,
    gained,
    share_of_bots,
    site,
)
from dashboards.generate.reading import (
    OPEN_LINE,
    OPEN_ROW,
    SCORE,
    SHARE_STEPS,
    SITE_COLUMNS,
    SITE_NAME,
    VENDOR,
)
from exporter.backtest.evaluate import SITE_LABELS

_NO_SESSIONS = "no session was counted in this time"
_NO_LAST_WEEK = "there is no data of last week yet"
_REVIEW = link("Review its sessions in Not AI", VENDOR, new_tab=True)

NOW = Row(
    "Is there a wave?",
    5,
    (
        stat(
            "Most affected, last hour",
            "The integration with the highest share of bots in the last hour, of those with at "
            "least 20 sessions. A large calm one hides no small one. " + SCORE,
            "percentunit",
            f"topk(1, {share_of_bots(SITE_LABELS, least=20)})",
            name=SITE_NAME,
            instant=True,
            width=4,
            steps=SHARE_STEPS,
            decimals=1,
            empty="no integration had 20 sessions",
            links=(OPEN_LINE,),
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
            "Distinct sessions whose score reached the threshold in the last hour. " + SCORE,
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
            "Share of bots among the last hour's sessions of all chosen integrations. " + SCORE,
            "percentunit",
            share_of_bots(),
            width=3,
            steps=SHARE_STEPS,
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
            f"count(max by (alertname, {SITE}) ("
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
            empty=SESSIONS_NOT_READ,
        ),
    ),
)

WHICH = Row(
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
                f"{gained(BOTS, SITE_LABELS, within='10m')} {TOP_SITES}",
                SITE_NAME,
            ),
            decimals=0,
            empty=_NO_SESSIONS,
            links=(OPEN_LINE,),
        ),
        lines(
            "Bot share of the hour, by integration",
            "Share of bots among the sessions of the hour before each moment, where there were "
            "20 at least, of the ten integrations with most bots in the range shown. " + SCORE,
            "percentunit",
            Query(
                f"{share_of_bots(SITE_LABELS, least=20)} {TOP_SITES}",
                SITE_NAME,
            ),
            maximum=1,
            empty="no integration had 20 sessions an hour",
            links=(OPEN_LINE,),
        ),
    ),
)

INTEGRATIONS = Row(
    "",
    6,
    (
        table(
            "By integration",
            "One row per integration of a job, the most bots of the last hour first; a click on a "
            "name shows it alone. " + SCORE,
            SITE_COLUMNS,
            Column("Bots, 10 min", gained(BOTS, SITE_LABELS, within="10m"), decimals=0),
            Column("Bots, 1 h", gained(BOTS, SITE_LABELS), decimals=0),
            Column("Sessions, 1 h", gained(SESSIONS, SITE_LABELS), decimals=0),
            Column("Bot share, 1 h", share_of_bots(SITE_LABELS), "percentunit", SHARE_STEPS, 1),
            Column(
                "Last week",
                share_of_bots(SITE_LABELS, offset=WEEK),
                "percentunit",
                SHARE_STEPS,
                1,
            ),
            Column("Bots, range", gained(BOTS, SITE_LABELS, within="$__range"), decimals=0),
            Column("Behind by", site(behind()), "s", decimals=0),
            width=17,
            sort_by="Bots, 1 h",
            empty=_NO_SESSIONS,
            cell_links={"Integration": [OPEN_ROW, _REVIEW]},
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

COURSE = Row(
    "Against last week",
    9,
    (
        lines(
            "Bot share, against last week",
            "Share of bots among the sessions of the hour before each moment; dashed: the same "
            "hour a week earlier. " + SCORE,
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
