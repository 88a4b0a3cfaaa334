"""The rows about places, details of bots and findings, all of which are off by default."""

from dashboards.generate.panels import BLUE, GREY, ORANGE, Column, Query, Row, lines, table
from dashboards.generate.queries import gained, of, total

_NO_PLACES = "no places are set (sessions.places)"
_NO_DETAILS = "details are switched off (sessions.details), or no bot was settled yet"
_NO_FINDINGS = "findings are switched off (otlp.findings)"
_OF_PLACE = ("place", "value")
_BOTS = gained("isnotai_place_bot_sessions_total", _OF_PLACE, step="5m")
_SESSIONS = gained("isnotai_place_sessions_total", _OF_PLACE, step="5m")
_LASTED = gained("isnotai_bot_session_duration_seconds_bucket", ("le",), step="5m")

PLACES = Row(
    "Where bots strike",
    9,
    (
        table(
            "Places, last hour",
            "Sessions and bots by the values of each place. other holds those that may not show: "
            "values with few users, the last of a place that could show, those beyond its bound.",
            (("place", "Place"), ("value", "Value")),
            Column("Bots", _BOTS, decimals=0),
            Column("Sessions", _SESSIONS, decimals=0),
            Column("Share", f"{_BOTS} / ({_SESSIONS} > 0)", "percentunit", decimals=1),
            width=12,
            sort_by="Bots",
            empty=_NO_PLACES,
        ),
        lines(
            "Bots by place",
            "Bots in the hour before each moment, at the ten values with most of them. A value "
            "counts as other until it shows.",
            "short",
            Query(f"topk(10, {_BOTS} > 0)", "{{place}} {{value}}"),
            width=12,
            empty=_NO_PLACES,
        ),
    ),
    needs="isnotai_place_sessions_total",
)

DETAILS = Row(
    "What bots do",
    8,
    (
        lines(
            "Events of bots",
            "Events by type in the hour before each moment, of the bots whose details were read.",
            "short",
            Query(gained("isnotai_bot_events_total", ("type",), step="5m"), "{{type}}"),
            stacked=True,
            width=9,
            empty=_NO_DETAILS,
        ),
        lines(
            "How long bots stay",
            "In the hour before each moment half of the bots, and nine in ten, stayed no longer.",
            "s",
            Query(f"histogram_quantile(0.5, {_LASTED})", "half", BLUE),
            Query(f"histogram_quantile(0.9, {_LASTED})", "nine in ten", ORANGE),
            width=9,
            minimum=0,
            empty=_NO_DETAILS,
        ),
        lines(
            "The sample",
            "Settled bots by what became of their details: those read are the sample. skipped: "
            "the budget had no room.",
            "short",
            Query(gained("isnotai_bot_details_total", ("outcome",), step="5m"), "{{outcome}}"),
            stacked=True,
            width=6,
            empty=_NO_DETAILS,
        ),
    ),
    needs="isnotai_bot_details_total",
)

FINDINGS = Row(
    "Findings (log records)",
    7,
    (
        lines(
            "Findings by outcome",
            "Log records of settled bots in the hour before each moment. dropped: the Collector "
            "took nothing for too long.",
            "short",
            Query(gained("isnotai_findings_total", ("outcome",), step="5m"), "{{outcome}}"),
            width=12,
            empty=_NO_FINDINGS,
        ),
        lines(
            "Findings that wait",
            "Log records that the Collector has not accepted yet; beyond 10,000 the oldest go.",
            "short",
            Query(total(of("isnotai_findings_waiting")), "waiting", GREY),
            width=12,
            minimum=0,
            empty=_NO_FINDINGS,
        ),
    ),
    needs="isnotai_findings_total",
)
