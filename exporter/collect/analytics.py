"""The analytics resource: what the API itself counts over rolling windows, so all gauges.

Ratios are made from counts where counts are given, since the scale of the API's own is unknown.
No label holds more of an origin than scheme, host and port, nor a raw user agent.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from exporter.api.body import KIB, Bounds
from exporter.api.schema.analytics import GROUPS, BucketTimestamp, Hours, Window, read_analytics
from exporter.api.times import MICROSECONDS
from exporter.collect.origins import origin_label
from exporter.collect.resource import Context, Resource
from exporter.log import get_logger
from exporter.metrics import bounds, catalogue
from exporter.metrics.model import OTHER, Metric, Sample
from exporter.metrics.telemetry import Telemetry
from exporter.polling.attempts import Attempts
from exporter.polling.collector import Api, Publish

log = get_logger(__name__)

HOURLY_WINDOW = "24h"
_BROWSER = re.compile(r"(?=.{1,32}\Z)[0-9]{0,3} ?[A-Za-z][A-Za-z .+_-]*")
_ROUNDING = 1e-9


class Analytics:
    """Reads `/v1/analytics` once for each window; a window is a part of what is published.

    windows: periods that the API knows, such as `24h`.
    bot_percentage_scale: what a full share is in topOrigins' botPercentage: 100 or 1.
    bucket_timestamp: whether a bucket of the time series carries its start or its end.
    on_hours: is given the hourly counts of the 24h window each time they were read.
    """

    resource = "analytics"

    def __init__(
        self,
        *,
        api: Api,
        telemetry: Telemetry,
        windows: tuple[str, ...],
        bot_percentage_scale: float,
        bucket_timestamp: BucketTimestamp,
        on_hours: Callable[[Hours], None],
    ) -> None:
        self._api = api
        self._telemetry = telemetry
        self._windows = windows
        self._scale = bot_percentage_scale
        self._bucket_timestamp = bucket_timestamp
        self._on_hours = on_hours
        self._reported: set[str] = set()

    async def update(self, publish: Publish) -> None:
        """Raises the first ApiError, after all windows were tried."""
        attempts = Attempts(self._telemetry, self.resource)
        for window in self._windows:
            with attempts.one():
                await self._update_window(window, publish)
        attempts.raise_first()

    async def _update_window(self, name: str, publish: Publish) -> None:
        hour, day = GROUPS
        group_by = hour if name == HOURLY_WINDOW else day
        answer = await self._api.get(
            "/v1/analytics", {"period": name, "groupBy": group_by}, resource=self.resource
        )
        window = read_analytics(answer.body)
        if window.invalid_items:
            self._telemetry.invalid_items.inc(self.resource, by=window.invalid_items)
        publish(name, list(self._samples(name, window)))
        hours = window.hours(self._bucket_timestamp) if name == HOURLY_WINDOW else None
        if hours is not None:
            self._on_hours(hours)

    def _samples(self, name: str, window: Window) -> Iterator[Sample]:
        for metric, value in self._numbers(window):
            if value is not None:
                yield Sample(metric, float(value), (name,))
        for metric, label, value in self._breakdowns(window):
            if value is not None:
                yield Sample(metric, float(value), (name, label))

    def _numbers(self, window: Window) -> Iterator[tuple[Metric, float | None]]:
        """The numbers of which a window has one each."""
        summary, matching = window.summary, window.user_matching
        yield catalogue.ANALYTICS_SESSIONS, summary.total_sessions
        yield catalogue.ANALYTICS_EVENTS, summary.total_events
        yield catalogue.ANALYTICS_UNIQUE_BOTS, summary.unique_bots
        yield catalogue.ANALYTICS_UNIQUE_USERS, summary.unique_users
        yield catalogue.ANALYTICS_BOT_SCORE, summary.average_bot_score
        yield catalogue.ANALYTICS_EVENTS_PER_SESSION, summary.average_events_per_session
        yield catalogue.ANALYTICS_CORRELATION, matching.average_correlation_confidence
        yield catalogue.ANALYTICS_USER_MATCH_RATIO, _match_ratio(window)
        yield catalogue.ANALYTICS_BOT_RATIO, self._bot_ratio(window)
        if window.generated_at is not None:
            yield catalogue.ANALYTICS_GENERATED, window.generated_at / MICROSECONDS

    def _breakdowns(self, window: Window) -> Iterator[tuple[Metric, str, float | None]]:
        """The numbers of which a window has one for each value of a label."""
        detection, matching = window.bot_detection, window.user_matching
        verdicts = catalogue.ANALYTICS_VERDICTS
        yield verdicts, "high_confidence_bot", detection.high_confidence_bots
        yield verdicts, "medium_confidence_bot", detection.medium_confidence_bots
        yield verdicts, "low_confidence_bot", detection.low_confidence_bots
        yield verdicts, "likely_human", detection.likely_humans
        yield catalogue.ANALYTICS_USER_MATCHES, "true", matching.total_matched
        yield catalogue.ANALYTICS_USER_MATCHES, "false", matching.total_unmatched
        if window.devices is not None:
            yield catalogue.ANALYTICS_DEVICES, "desktop", window.devices.desktop or 0
            yield catalogue.ANALYTICS_DEVICES, "mobile", window.devices.mobile or 0
            yield catalogue.ANALYTICS_DEVICES, "tablet", window.devices.tablet or 0
        for browser, sessions in self._browsers(window).items():
            yield catalogue.ANALYTICS_BROWSERS, browser, sessions
        for origin, share in self._origins(window).items():
            yield catalogue.ANALYTICS_ORIGIN_SESSIONS, origin, share.sessions
            yield catalogue.ANALYTICS_ORIGIN_BOT_RATIO, origin, share.bot_ratio

    def _bot_ratio(self, window: Window) -> float | None:
        """Bots over sessions, of the buckets that give both; None without sessions."""
        counted = [bucket for bucket in window.buckets or () if bucket.bot_count is not None]
        sessions = sum(bucket.session_count for bucket in counted)
        bots = sum(bucket.bot_count or 0 for bucket in counted)
        if bots > sessions:
            self._report("bot_count_above_session_count")
            return None
        return bots / sessions if sessions else None

    def _browsers(self, window: Window) -> dict[str, int]:
        sessions: dict[str, int] = {}
        for name, count in window.browsers.items():
            label = browser_label(name)
            sessions[label] = sessions.get(label, 0) + count
        metric = catalogue.ANALYTICS_BROWSERS
        names = bounds.kept(metric, sessions, rank=lambda name: -sessions[name])
        return bounds.fold((metric,), sessions, names, int.__add__, self._telemetry.dropped)

    def _origins(self, window: Window) -> dict[str, "_Share"]:
        ratios = self._origin_ratios(window)
        shares: dict[str, _Share] = {}
        for item, ratio in zip(window.origins, ratios, strict=True):
            share = _Share.of(item.session_count, ratio)
            label = origin_label(item.origin)
            shares[label] = shares[label] + share if label in shares else share
        metrics = (catalogue.ANALYTICS_ORIGIN_SESSIONS, catalogue.ANALYTICS_ORIGIN_BOT_RATIO)
        names = bounds.kept(metrics[0], shares, rank=lambda name: -shares[name].sessions)
        return bounds.fold(metrics, shares, names, _Share.__add__, self._telemetry.dropped)

    def _origin_ratios(self, window: Window) -> list[float | None]:
        """Each origin's share of bots, 0 to 1, or None.

        With a scale of 1, one share above 1 shows that all of them are percentages: none is kept.
        With any other, a share outside 0 to 1 is that origin's own fault.
        """
        ratios = [_ratio(item.bot_percentage, self._scale) for item in window.origins]
        strange = [ratio is not None and not 0 <= ratio <= 1 for ratio in ratios]
        if any(strange):
            self._report("bot_percentage_scale_mismatch", scale=self._scale)
            if self._scale == 1:
                return [None] * len(ratios)
        return [None if odd else ratio for ratio, odd in zip(ratios, strange, strict=True)]

    def _report(self, event: str, **details: float) -> None:
        """Log `event`, once in the life of the collector."""
        if event not in self._reported:
            self._reported.add(event)
            log.warning(event, **details)


@dataclass(frozen=True, slots=True)
class _Share:
    """Sessions of one origin, and the bots among those sessions whose share of bots is known."""

    sessions: int
    rated: int
    bots: float

    @classmethod
    def of(cls, sessions: int, ratio: float | None) -> "_Share":
        return cls(sessions, 0, 0.0) if ratio is None else cls(sessions, sessions, sessions * ratio)

    def __add__(self, more: "_Share") -> "_Share":
        return _Share(self.sessions + more.sessions, self.rated + more.rated, self.bots + more.bots)

    @property
    def bot_ratio(self) -> float | None:
        return min(self.bots / self.rated, 1.0) if self.rated else None


def browser_label(name: str) -> str:
    """A browser's plain name, or `other` for what may be a user agent or carries a version."""
    text = name.strip()
    plain = _BROWSER.fullmatch(text) and text.lower() != OTHER
    return text if plain else OTHER


def _match_ratio(window: Window) -> float | None:
    matched, unmatched = window.user_matching.total_matched, window.user_matching.total_unmatched
    if matched is None or unmatched is None or not matched + unmatched:
        return None
    return matched / (matched + unmatched)


def _ratio(share: float | None, scale: float) -> float | None:
    if share is None:
        return None
    ratio = share / scale
    return 1.0 if 1 < ratio <= 1 + _ROUNDING else ratio


def _collector(context: Context) -> Analytics:
    settings = context.settings.analytics
    return Analytics(
        api=context.api,
        telemetry=context.telemetry,
        windows=settings.windows,
        bot_percentage_scale=settings.bot_percentage_scale,
        bucket_timestamp=settings.bucket_timestamp,
        on_hours=context.coverage.note,
    )


RESOURCE = Resource(
    "analytics",
    _collector,
    reads=lambda settings: settings.analytics,
    requests=lambda settings: len(settings.analytics.windows),
    bounds=Bounds(1024 * KIB, 30_000),
)
