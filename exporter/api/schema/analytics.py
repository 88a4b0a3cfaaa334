"""`GET /v1/analytics`: one window's summary, time series and breakdowns.

What the API leaves out stays None. A bucket, an origin or a browser that does not decode costs
itself; a wrong type anywhere else costs the window.
"""

from collections import Counter
from collections.abc import Sized
from dataclasses import dataclass
from itertools import islice
from typing import Annotated, Any, Literal

from exporter.api.schema.decode import (
    MOST_ITEMS,
    Count,
    Items,
    Micros,
    Number,
    Shape,
    decoded,
    decoded_or_none,
    enveloped_object,
)
from exporter.api.times import HOUR

BucketTimestamp = Literal["start", "end"]
PERIODS = ("24h", "7d", "30d", "90d")
GROUPS = ("hour", "day")
"""What may be asked for, and by what its time series is asked to be grouped."""

MOST_BUCKETS = 2_500
"""Hours of 90 days, and some."""


class Summary(Shape):
    """Totals and averages of the window."""

    total_sessions: Count | None = None
    total_events: Count | None = None
    unique_bots: Count | None = None
    unique_users: Count | None = None
    average_bot_score: Number | None = None
    average_events_per_session: Number | None = None


class BotDetection(Shape):
    """Sessions by verdict."""

    high_confidence_bots: Count | None = None
    medium_confidence_bots: Count | None = None
    low_confidence_bots: Count | None = None
    likely_humans: Count | None = None


class UserMatching(Shape):
    """Sessions by whether a user was matched. The API's own matchRate has no known scale."""

    total_matched: Count | None = None
    total_unmatched: Count | None = None
    average_correlation_confidence: Number | None = None


class DeviceBreakdown(Shape):
    """Sessions by kind of device; the counts of browsers are checked one by one."""

    mobile: Count | None = None
    tablet: Count | None = None
    desktop: Count | None = None
    browser_counts: dict[str, Any] | None = None


class Bucket(Shape):
    """One step of the time series; without a time or a number of sessions it says nothing."""

    timestamp: Micros
    session_count: Count
    bot_count: Count | None = None


class TopOrigin(Shape):
    """One origin; `origin` may be anything, so it is not a label yet."""

    origin: str | None = None
    session_count: Count
    bot_percentage: Number | None = None


class _BrowserCount(Shape):
    count: Count | None


class Body(Shape):
    """The whole of a window, its lists not decoded yet."""

    generated_at: Micros | None = None
    summary: Summary | None = None
    bot_detection: BotDetection | None = None
    user_matching: UserMatching | None = None
    device_breakdown: DeviceBreakdown | None = None
    time_series: Annotated[list[Any] | None, Items(Bucket)] = None
    top_origins: Annotated[list[Any] | None, Items(TopOrigin)] = None


@dataclass(frozen=True, slots=True)
class Hours:
    """What the API's own analytics count, hour by hour.

    buckets: (start of the hour in Unix microseconds, sessions), ascending; the last may be partial.
    generated_at: when the API counted, Unix microseconds, if it says so.
    """

    buckets: tuple[tuple[int, int], ...]
    generated_at: int | None


@dataclass(frozen=True, slots=True)
class Window:
    """One decoded answer.

    buckets: None where the answer has no time series; each timestamp at most once.
    browsers: sessions by the browser's name as the API writes it, so no label yet.
    invalid_items: how many buckets, origins and browsers did not decode, or are too many.
    """

    generated_at: int | None
    summary: Summary
    bot_detection: BotDetection
    user_matching: UserMatching
    devices: DeviceBreakdown | None
    buckets: tuple[Bucket, ...] | None
    origins: tuple[TopOrigin, ...]
    browsers: dict[str, int]
    invalid_items: int

    def hours(self, timestamp: BucketTimestamp) -> Hours | None:
        """The time series as hours, where it was asked for by the hour.

        timestamp: whether a bucket's time is its start or its end; the API does not say.
        """
        if self.buckets is None:
            return None
        shift = HOUR if timestamp == "end" else 0
        starts = sorted((bucket.timestamp - shift, bucket.session_count) for bucket in self.buckets)
        return Hours(tuple(starts), self.generated_at)


def read_analytics(body: object) -> Window:
    """Raises InvalidResponseError where `body` holds no window, or a field has a wrong type."""
    window = decoded(Body, enveloped_object(body, "analytics"), "analytics")
    buckets, bad_buckets = _distinct(_items(Bucket, window.time_series, MOST_BUCKETS))
    origins = _items(TopOrigin, window.top_origins, MOST_ITEMS)
    devices = window.device_breakdown
    listed = devices.browser_counts if devices and devices.browser_counts else {}
    browsers = {
        name: decoded_or_none(_BrowserCount, {"count": count})
        for name, count in islice(listed.items(), MOST_ITEMS)
    }
    unread = (
        _beyond(window.time_series, MOST_BUCKETS)
        + _beyond(window.top_origins, MOST_ITEMS)
        + _beyond(listed, MOST_ITEMS)
    )
    return Window(
        generated_at=window.generated_at,
        summary=window.summary or Summary(),
        bot_detection=window.bot_detection or BotDetection(),
        user_matching=window.user_matching or UserMatching(),
        devices=devices,
        buckets=None if window.time_series is None else buckets,
        origins=tuple(origin for origin in origins if origin is not None),
        browsers={
            name: browser.count
            for name, browser in browsers.items()
            if browser is not None and browser.count is not None
        },
        invalid_items=unread
        + bad_buckets
        + sum(origin is None for origin in origins)
        + sum(browser is None for browser in browsers.values()),
    )


def _items(shape: type[Any], items: list[Any] | None, most: int) -> list[Any]:
    return [decoded_or_none(shape, item) for item in (items or [])[:most]]


def _beyond(items: Sized | None, most: int) -> int:
    return max(0, len(items or ()) - most)


def _distinct(buckets: list[Bucket | None]) -> tuple[tuple[Bucket, ...], int]:
    """The buckets that decoded and share their time with no other, and how many are not so."""
    times = Counter(bucket.timestamp for bucket in buckets if bucket is not None)
    good = tuple(bucket for bucket in buckets if bucket and times[bucket.timestamp] == 1)
    return good, len(buckets) - len(good)
