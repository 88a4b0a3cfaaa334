"""*Not AI · Security overview*: is there a wave of AI agents, where, since when, and is it over."""

from dashboards.generate.alerting import ALERTING
from dashboards.generate.analytics import ANALYTICS, BY_WINDOW, WHERE
from dashboards.generate.bots import DETAILS, PLACES
from dashboards.generate.panels import Dashboard
from dashboards.generate.people import USERS
from dashboards.generate.queries import OF_INTEGRATION
from dashboards.generate.traits import SCORES, TRAITS
from dashboards.generate.variables import choice_variable
from dashboards.generate.wave import COURSE, INTEGRATIONS, NOW, WHICH

BOARD = Dashboard(
    "notai-security",
    "Not AI · Security overview",
    "Whether there is a wave of AI agents, at which integration, since when and whether it is "
    "over; which traits the bots have. A high score means bot.",
    (
        NOW,
        WHICH,
        ALERTING,
        INTEGRATIONS,
        COURSE,
        TRAITS,
        SCORES,
        WHERE,
        ANALYTICS,
        BY_WINDOW,
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
