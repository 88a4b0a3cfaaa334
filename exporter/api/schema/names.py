"""Names as the API spells them, turned into names as Prometheus' users spell them."""

import re

_WORD_START = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


def snake_case(name: str) -> str:
    """`totalSessions` gives `total_sessions`, `APICalls` gives `api_calls`, `p95` stays."""
    return _WORD_START.sub("_", name).lower()
