"""Users and courses: sums over whole lists, so that no series is about one of them."""

from exporter.metrics.model import Metric

SCORE_LEVELS = ("0.1", "0.2", "0.3", "0.4", "0.5", "0.6", "0.7", "0.8", "0.9", "1.0", "+Inf")

USERS = Metric(
    "isnotai_users",
    "gauge",
    "Users that the API lists.",
    "isnotai.users",
    "{user}",
)
USERS_BY_RISK = Metric(
    "isnotai_users_by_risk",
    "gauge",
    "Users by the API's risk level; unknown where it gives none.",
    "isnotai.users.by_risk",
    "{user}",
    ("risk_level",),
    max_values=10,
)
USERS_WITH_BOT_SESSIONS = Metric(
    "isnotai_users_with_bot_sessions",
    "gauge",
    "Users with at least one bot session.",
    "isnotai.users.with_bot_sessions",
    "{user}",
)
USERS_MULTI_DEVICE = Metric(
    "isnotai_users_multi_device",
    "gauge",
    "Users with two devices or more.",
    "isnotai.users.multi_device",
    "{user}",
)
USER_MAX_BOT_SCORE = Metric(
    "isnotai_user_max_bot_score",
    "gauge",
    "Users whose highest bot score is at most le; a high score means bot.",
    "isnotai.user.max_bot_score",
    "{user}",
    ("le",),
    known={"le": SCORE_LEVELS},
)
COURSES = Metric(
    "isnotai_courses",
    "gauge",
    "Courses that the API lists.",
    "isnotai.courses",
    "{course}",
)
COURSE_STATS = Metric(
    "isnotai_course_stats",
    "gauge",
    "Every number of the listed courses, named by its path and summed over all of them.",
    "isnotai.course.stats",
    labels=("stat",),
    max_values=100,
)
