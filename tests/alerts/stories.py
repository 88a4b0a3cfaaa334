"""All alerts' stories, in the order of the alerts."""

from tests.alerts import (
    bot_cases,
    data_cases,
    fault_cases,
    poll_cases,
    presence_cases,
    quota_cases,
    signal_cases,
)

STORIES = (
    *presence_cases.STORIES,
    *data_cases.STORIES,
    *fault_cases.STORIES,
    *poll_cases.STORIES,
    *bot_cases.STORIES,
    *signal_cases.STORIES,
    *quota_cases.STORIES,
)
