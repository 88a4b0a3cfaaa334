"""All alerts' stories."""

from tests.alerts import operations_cases, quota_cases, security_cases

STORIES = (*operations_cases.STORIES, *security_cases.STORIES, *quota_cases.STORIES)
