"""Sessions, counted exactly once."""

from exporter.metrics.model import Metric

EVENT_TYPES = ("mouse", "scroll", "keyboard", "touch", "form")
DETAIL_OUTCOMES = ("read", "missing", "skipped")
FINDING_OUTCOMES = ("sent", "rejected", "dropped")
DURATION_BOUNDS = (5.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0)
SCORE_BOUNDS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)

SESSIONS = Metric(
    "isnotai_sessions",
    "counter",
    "Distinct sessions, counted when first seen.",
    "isnotai.sessions",
    "{session}",
)
BOT_SESSIONS = Metric(
    "isnotai_bot_sessions",
    "counter",
    "Distinct sessions whose bot score reached the threshold before they were settled.",
    "isnotai.bot_sessions",
    "{session}",
)
SESSION_FLAGS = Metric(
    "isnotai_session_flags",
    "counter",
    "Distinct pairs of session and detection flag.",
    "isnotai.session.flags",
    "{flag}",
    ("flag",),
    max_values=100,
)
BOT_SESSION_FLAGS = Metric(
    "isnotai_bot_session_flags",
    "counter",
    "Distinct pairs of session and detection flag, of the sessions counted as bots.",
    "isnotai.bot_session.flags",
    "{flag}",
    ("flag",),
    max_values=100,
)
PLACE_SESSIONS = Metric(
    "isnotai_place_sessions",
    "counter",
    "Distinct pairs of session and place, by the place's value where that may show.",
    "isnotai.place.sessions",
    "{session}",
    ("place", "value"),
    max_values=100,
)
PLACE_BOT_SESSIONS = Metric(
    "isnotai_place_bot_sessions",
    "counter",
    "Distinct pairs of session and place, of the sessions counted as bots.",
    "isnotai.place.bot_sessions",
    "{session}",
    ("place", "value"),
    max_values=100,
)
SESSION_BOT_SCORE = Metric(
    "isnotai_session_bot_score",
    "histogram",
    "Final bot score of each settled session; a high score means bot.",
    "isnotai.session.bot_score",
    "1",
    buckets=SCORE_BOUNDS,
)
BOT_EVENTS = Metric(
    "isnotai_bot_events",
    "counter",
    "Events by type, of the settled bots whose details were read.",
    "isnotai.bot.events",
    "{event}",
    ("type",),
    known={"type": EVENT_TYPES},
)
BOT_DURATION = Metric(
    "isnotai_bot_session_duration_seconds",
    "histogram",
    "How long sessions lasted, of the settled bots whose details were read.",
    "isnotai.bot.session.duration",
    "s",
    buckets=DURATION_BOUNDS,
)
BOT_DETAILS = Metric(
    "isnotai_bot_details",
    "counter",
    "Settled bots by what became of their details; skipped: for want of budget.",
    "isnotai.bot.details",
    "{session}",
    ("outcome",),
    known={"outcome": DETAIL_OUTCOMES},
)
FINDINGS = Metric(
    "isnotai_findings",
    "counter",
    "Log records of settled bots: sent, rejected by the Collector, or dropped for want of room.",
    "isnotai.findings",
    "{record}",
    ("outcome",),
    known={"outcome": FINDING_OUTCOMES},
)
FINDINGS_WAITING = Metric(
    "isnotai_findings_waiting",
    "gauge",
    "Log records of settled bots that the Collector has not accepted yet.",
    "isnotai.findings.waiting",
    "{record}",
)
SESSIONS_ACTIVE = Metric(
    "isnotai_sessions_active",
    "gauge",
    "Sessions last seen active and not settled.",
    "isnotai.sessions.active",
    "{session}",
)
SESSIONS_UNSETTLED = Metric(
    "isnotai_sessions_unsettled",
    "gauge",
    "Sessions whose score and flags may still change.",
    "isnotai.sessions.unsettled",
    "{session}",
)
LATE_SESSIONS = Metric(
    "isnotai_late_sessions",
    "counter",
    "Sessions first seen behind the frontier.",
    "isnotai.late_sessions",
    "{session}",
)
SESSION_FRONTIER = Metric(
    "isnotai_session_frontier_timestamp_seconds",
    "gauge",
    "Every session created before this, by the API's clock, was counted.",
    "isnotai.session.frontier.timestamp",
    "s",
)
SESSION_GAP = Metric(
    "isnotai_session_gap_seconds",
    "counter",
    "Time whose sessions could not be read any more: it fell out of the tier's history.",
    "isnotai.session.gap",
    "s",
)
SESSION_STEP_BACKS = Metric(
    "isnotai_session_frontier_step_backs",
    "counter",
    "Times that the frontier stepped back, since a wrong clock of the API had put it ahead.",
    "isnotai.session.frontier.step_backs",
    "{step}",
)
FUTURE_SESSIONS = Metric(
    "isnotai_future_sessions",
    "gauge",
    "Sessions listed as created more than a day ahead of the API's clock, and not counted yet.",
    "isnotai.future_sessions",
    "{session}",
)
SESSION_COVERAGE = Metric(
    "isnotai_session_coverage_ratio",
    "gauge",
    "Sessions counted over those that the API's analytics report, for the last complete hour.",
    "isnotai.session.coverage",
    "1",
)
