"""The usage resource: what today and this month (UTC) have consumed, against the limits set.

A month is shown only while all its days are known: read now, or read when they could still be read
and remembered since. It never guesses: an unread day hides the month.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import date
from typing import Protocol

from exporter.api import tiers
from exporter.api.body import KIB, Bounds
from exporter.api.schema.decode import INT64_MAX
from exporter.api.schema.usage import KNOWN, STORAGE, Consumption, read_usage
from exporter.api.times import MICROSECONDS
from exporter.clock import Clock
from exporter.collect import months
from exporter.collect.resource import Context, Resource
from exporter.ledger.usage_days import StoredUsageDays
from exporter.log import get_logger
from exporter.metrics import bounds, catalogue
from exporter.metrics.model import Metric, Sample
from exporter.metrics.telemetry import Telemetry
from exporter.polling.attempts import Attempts
from exporter.polling.collector import Api, Publish

log = get_logger(__name__)


class UsageDays(Protocol):
    """What finished days consumed, remembered for when the API no longer tells."""

    async def remembered(self, month_start: date) -> Mapping[date, Mapping[str, int]]:
        """The days of the month that starts then, each with its values by metric."""
        ...

    async def remember(self, day: date, values: Mapping[str, int]) -> None:
        """Keep a day's values; no values are worth keeping too: the day consumed nothing."""
        ...


def quota_limit_samples(limits: Mapping[str, float]) -> list[Sample]:
    """`isnotai_quota_limit{metric="api_calls"} 1e+06`: from the settings, so always known."""
    return [Sample(catalogue.QUOTA_LIMIT, limit, (name,)) for name, limit in limits.items()]


class Usage:
    """Reads `/v1/usage`: today, this month until today, and at times one finished day to remember.

    days: the memory of finished days.
    history_days: how far back the key's tier can read; an unknown tier counts as free.
    quota_limits: the customer's monthly limits by metric, as in `isnotai_usage`.
    clock: ours; its day counts until an answer carries the API's time.

    Publishes the parts `day`, `month` (empty while not all of it is known) and `storage`.
    """

    resource = "usage"

    def __init__(
        self,
        *,
        api: Api,
        telemetry: Telemetry,
        days: UsageDays,
        history_days: Callable[[], int],
        quota_limits: Mapping[str, float],
        clock: Clock,
    ) -> None:
        self._api = api
        self._telemetry = telemetry
        self._days = days
        self._history_days = history_days
        self._limits = quota_limits
        self._clock = clock
        self._skew = 0
        self._outside = False
        self._storage: tuple[date, int] | None = None
        self._tries: dict[date, int] = {}

    async def update(self, publish: Publish) -> None:
        """Raises the first ApiError, after all that does not hang on it was tried."""
        today, consumed = await self._ask_today()
        publish("day", self._usage_samples("day", consumed))
        attempts = Attempts(self._telemetry, self.resource)
        month: Consumption | None = None
        with attempts.one():
            month = await self._month(today, consumed)
            self._publish_month(publish, month)
        self._publish_storage(publish, today, consumed, month)
        with attempts.one():
            await self._remember_one(today)
        attempts.raise_first()

    async def _ask_today(self) -> tuple[date, Consumption]:
        """Today's consumption, and which day that is.

        If the answer shows that the API is at another day than was asked for, it is asked once
        more. Our clock may be off before the first answer, and midnight may pass.
        """
        today = months.day_of(self._now())
        consumed, server_time = await self._ask(today, today)
        if server_time is not None and months.day_of(server_time) != today:
            today = months.day_of(server_time)
            consumed, _ = await self._ask(today, today)
        return today, consumed

    async def _ask(self, first: date, last: date) -> tuple[Consumption, int | None]:
        """What was consumed from one day to another, both included, and the API's time then."""
        params = {"startDate": first.isoformat(), "endDate": last.isoformat()}
        answer = await self._api.get("/v1/usage", params, resource=self.resource)
        if answer.server_time is not None:
            self._skew = answer.server_time - self._wall_micros()
        consumed = read_usage(answer.body, first, last)
        self._report(consumed.outside > 0)
        if consumed.invalid_items:
            self._telemetry.invalid_items.inc(self.resource, by=consumed.invalid_items)
        return consumed, answer.server_time

    def _report(self, outside: bool) -> None:
        """Say that the API gives days that it was not asked for, once for as long as it does."""
        if outside and not self._outside:
            log.warning("usage_rows_outside_dates", message="rows of other days are not counted")
        self._outside = outside

    async def _month(self, today: date, consumed: Consumption) -> Consumption | None:
        """What the month has consumed, or None while not all its days are known."""
        plan = months.plan_month(today, months.first_readable(self._now(), self._history_days()))
        if plan is None:
            return None
        past: list[Mapping[str, int]] = []
        if plan.remembered:
            known = await self._days.remembered(today.replace(day=1))
            if not all(day in known for day in plan.remembered):
                return None
            past = [known[day] for day in plan.remembered]
        recent = consumed
        if plan.first_asked != today:
            recent, _ = await self._ask(plan.first_asked, today)
        return _total(past, recent)

    async def _remember_one(self, today: date) -> None:
        """Read and keep one finished day, where the tier's history is shorter than a month.

        A day of which a row did not decode is not final: it is tried again after the others.
        """
        history = self._history_days()
        if history >= months.LONGEST_MONTH:
            return
        now = self._now()
        readable = months.first_readable(now, history)
        known = await self._days.remembered(today.replace(day=1))
        day = months.day_to_remember(today, now, readable, known, self._tries)
        self._tries = {tried: count for tried, count in self._tries.items() if tried >= readable}
        if day is None:
            return
        self._tries[day] = self._tries.get(day, 0) + 1
        consumed, _ = await self._ask(day, day)
        values = {name: value for name, value in self._bounded(consumed.sums).items() if value}
        if not consumed.invalid_items and all(value <= INT64_MAX for value in values.values()):
            await self._days.remember(day, values)

    def _publish_month(self, publish: Publish, month: Consumption | None) -> None:
        if month is None:
            publish("month", ())
            return
        samples = self._usage_samples("month", month)
        samples.extend(self._quota_samples(month.sums))
        publish("month", samples)

    def _publish_storage(
        self, publish: Publish, today: date, consumed: Consumption, month: Consumption | None
    ) -> None:
        """The newest storage: today's, else the month's newest, else what yesterday had last."""
        if consumed.storage is not None:
            self._storage = (today, consumed.storage)
        storage = consumed.storage
        if storage is None and month is not None:
            storage = month.storage
        if storage is None and self._storage is not None:
            day, value = self._storage
            storage = value if (today - day).days <= 1 else None
        if storage is None:
            publish("storage", ())
            return
        samples = [Sample(catalogue.USAGE_STORAGE, float(storage))]
        samples.extend(self._quota_samples({STORAGE: storage}))
        publish("storage", samples)

    def _usage_samples(self, period: str, consumed: Consumption) -> list[Sample]:
        metric = catalogue.USAGE
        sums = self._bounded(consumed.sums, metric)
        return [Sample(metric, float(value), (name, period)) for name, value in sums.items()]

    def _bounded(self, sums: Mapping[str, int], *counted: Metric) -> dict[str, int]:
        """As many metrics as the bound allows, the known ones first; the rest in `other`."""
        names = bounds.kept(catalogue.USAGE, sums, rank=lambda name: name not in KNOWN)
        return bounds.fold(counted, sums, names, int.__add__, self._telemetry.dropped)

    def _quota_samples(self, used: Mapping[str, int]) -> Iterator[Sample]:
        for name, limit in self._limits.items():
            if name in used and limit > 0:
                yield Sample(catalogue.QUOTA_USED, used[name] / limit, (name,))

    def _now(self) -> int:
        """The API's time as far as it is known, Unix microseconds."""
        return self._wall_micros() + self._skew

    def _wall_micros(self) -> int:
        return int(self._clock.now() * MICROSECONDS)


def _total(past: list[Mapping[str, int]], recent: Consumption) -> Consumption:
    """The sum of finished days and the rest; a known metric that the rest lacks stays missing."""
    names = set(recent.sums).union(*past) - (set(KNOWN) - set(recent.sums))
    sums = {
        name: sum(day.get(name, 0) for day in past) + recent.sums.get(name, 0) for name in names
    }
    return Consumption(sums, recent.storage, recent.invalid_items)


def _collector(context: Context) -> Usage:
    return Usage(
        api=context.api,
        telemetry=context.telemetry,
        days=StoredUsageDays(context.store, context.ledger),
        history_days=lambda: tiers.limits(context.budget.tier).history_days,
        quota_limits=context.settings.quota.limits,
        clock=context.clock,
    )


RESOURCE = Resource(
    "usage",
    _collector,
    reads=lambda settings: settings.quota,
    # Today, and the month so far; a day to be remembered comes on top, once a day.
    requests=lambda settings: 2,
    bounds=Bounds(1024 * KIB, 30_000),
)
