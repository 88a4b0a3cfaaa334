"""All alerts' stories."""

from tests.alerts import (
    bot_cases,
    data_cases,
    fault_cases,
    poll_cases,
    presence_cases,
    quota_cases,
    signal_cases,
    silence_cases,
)

STORIES = (
    *presence_cases.STORIES,
    *data_cases.STORIES,
    *fault_cases.STORIES,
    *poll_cases.STORIES,
    *bot_cases.STORIES,
    *signal_cases.STORIES,
    *silence_cases.STORIES,
    *quota_cases.STORIES,
)
