"""The one retry policy: what is worth asking again, and how long to wait before.

Retry-After is obeyed in both of its forms (RFC 9110: seconds, or a date, measured against the same
answer's Date). Without it: full jitter, so that many exporters do not come back in step.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from exporter.api.serverclock import parse_http_date
from exporter.api.times import MICROSECONDS

LONGEST_PAUSE_SECONDS = 3600.0
"""A Retry-After beyond this is cut to it: a slip of the edge must not silence us for days."""


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that the answer asks us to wait, or None where it does not, or not readably.

    headers: of the answer, looked up without regard to case (as httpx gives them).
    """
    text = headers.get("retry-after", "").strip()
    if not text:
        return None
    if text.isascii() and text.isdigit():
        return min(float(text), LONGEST_PAUSE_SECONDS)
    until, now = parse_http_date(text), parse_http_date(headers.get("date", ""))
    if until is None or now is None:
        return None
    return min(max(0.0, (until - now) / MICROSECONDS), LONGEST_PAUSE_SECONDS)


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often and how fast a request is tried again within one poll.

    attempts: tries in all.
    base, cap: seconds. The wait before retry n, from 0, is drawn from [0, min(cap, base * 2^n)].
    patience: seconds. A poll waits out a pause up to this long, and fails at once if it is longer.
    """

    random: Callable[[], float]
    attempts: int = 3
    base: float = 1.0
    cap: float = 30.0
    patience: float = 60.0

    def backoff(self, retry: int) -> float:
        """Seconds to wait before retry number `retry`, from 0."""
        return self.random() * min(self.cap, self.base * 2.0**retry)

    @staticmethod
    def retryable(status: int) -> bool:
        """Whether an answer of that status may turn out better the next time."""
        return status == 429 or 500 <= status <= 599
