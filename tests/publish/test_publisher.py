"""The publisher: a part is renewed after its poll and at least every 5 s, whatever happens."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from exporter.clock import SystemClock
from exporter.metrics import catalogue
from exporter.metrics.model import Sample
from exporter.publish import publisher as publishers
from exporter.publish.publisher import (
    LONGEST_HOLD_SECONDS,
    RENEWAL_SECONDS,
    Publisher,
    Source,
)
from tests.clocks import FakeClock

TIME_OUT = 10.0


@dataclass
class Readings:
    """Readings of one integration that count how often they were asked for."""

    name: str
    asked: int = 0
    broken: bool = False
    steady: bool = False
    renewed: asyncio.Event = field(default_factory=asyncio.Event)

    def samples(self) -> Iterable[Sample]:
        self.asked += 1
        self.renewed.set()
        samples = [Sample(catalogue.STATS, float(self.asked), ("asked",))]
        return samples * (2 if self.broken else 1)

    @property
    def source(self) -> Source:
        return Source(self.samples, lambda since, until: self.steady)

    async def until_asked(self, times: int) -> None:
        async with asyncio.timeout(TIME_OUT):
            while self.asked < times:
                self.renewed.clear()
                await self.renewed.wait()


def following(*readings: Readings, clock: FakeClock | None = None) -> Publisher:
    publisher = Publisher(clock or SystemClock())
    own = Source(lambda: [Sample(catalogue.EXPORTER_RELOAD_OK, 1.0)])
    publisher.follow({**{it.name: it.source for it in readings}, None: own})
    return publisher


@asynccontextmanager
async def running(publisher: Publisher) -> AsyncIterator[None]:
    task = asyncio.create_task(publisher.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()


def shown(publisher: Publisher) -> dict[str, float]:
    family = publisher.snapshot.family(catalogue.STATS)
    assert family is not None
    return {
        point.labels[0]: float(point.value)  # type: ignore[arg-type]  # a histogram fails
        for point in family.points
    }


def test_what_is_shown_is_never_more_than_five_seconds_old() -> None:
    # The rest is for the renewal itself.
    assert RENEWAL_SECONDS + LONGEST_HOLD_SECONDS <= 4.5


async def test_snapshot_and_pages_say_the_same() -> None:
    clock = FakeClock()
    publisher = following(Readings("default"), clock=clock)
    assert publisher.exposition is None

    await publisher.renew()

    assert shown(publisher) == {"default": 1}
    assert publisher.snapshot.taken == clock.now()
    exposition = publisher.exposition
    assert exposition is not None
    assert exposition.taken == clock.now()
    assert b'isnotai_stats{integration="default",stat="asked"} 1.0' in exposition.text
    assert b"process_resident_memory_bytes" in exposition.text
    assert b"isnotai_exporter_series 3.0" in exposition.text
    assert publisher.series == publisher.snapshot.series == 3


async def test_a_poll_renews_its_part_at_once_and_no_other() -> None:
    polled, other = Readings("polled"), Readings("other", steady=True)
    publisher = following(polled, other)
    await publisher.renew()
    async with running(publisher):
        for times in (2, 3):
            publisher.changed("polled")
            await polled.until_asked(times)

    assert other.asked == 1


async def test_what_may_have_changed_is_renewed_without_a_poll(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(publishers, "RENEWAL_SECONDS", 0.01)
    polling, quiet = Readings("polling"), Readings("quiet", steady=True)
    publisher = following(polling, quiet)
    await publisher.renew()
    async with running(publisher):
        await polling.until_asked(4)
        assert quiet.asked == 1
        quiet.steady = False
        await quiet.until_asked(2)

    assert shown(publisher)["polling"] >= 3


async def test_a_reading_that_fits_no_snapshot_keeps_the_last_one_and_harms_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(publishers, "RENEWAL_SECONDS", 0.01)
    bad, good = Readings("bad"), Readings("good")
    publisher = following(bad, good)
    await publisher.renew()
    bad.broken = True
    async with running(publisher):
        await bad.until_asked(4)
        await good.until_asked(5)
        assert shown(publisher)["bad"] == 1
        assert shown(publisher)["good"] > 1

        bad.broken = False
        await bad.until_asked(bad.asked + 2)

    assert shown(publisher)["bad"] > 4


async def test_an_exposition_stays_the_same_until_something_changed() -> None:
    readings = Readings("default")
    publisher = following(readings)
    await publisher.renew()
    first = publisher.exposition

    assert publisher.exposition is first
    await publisher.renew()
    assert publisher.exposition is not first


async def test_an_exposition_that_took_long_to_make_is_handed_out_for_longer() -> None:
    clock = FakeClock()
    publisher = following(Readings("default"), clock=clock)
    await publisher.renew()
    first = publisher.exposition
    assert first is not None
    first.took = 0.01

    await publisher.renew()
    clock.advance(0.09)
    assert publisher.exposition is first
    clock.advance(0.02)
    second = publisher.exposition
    assert second is not None
    assert second is not first

    second.took = 60.0
    await publisher.renew()
    clock.advance(LONGEST_HOLD_SECONDS + 0.01)
    assert publisher.exposition is not second


async def test_who_is_followed_no_more_is_gone_and_who_is_new_comes() -> None:
    publisher = following(Readings("a"), Readings("b"))
    await publisher.renew()
    publisher.follow({"c": Readings("c").source, "b": Readings("b").source, None: Source(list)})
    await publisher.renew()

    assert list(shown(publisher)) == ["b", "c"]
    assert publisher.exposition is not None
    assert b'integration="a"' not in publisher.exposition.text


async def test_many_that_may_have_changed_are_looked_at_together(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(publishers, "RENEWAL_SECONDS", 0.02)
    monkeypatch.setattr(publishers, "GATHERED_SECONDS", 0.01)
    looks, enough = list[float](), asyncio.Event()

    def steady(since: float, until: float) -> bool:
        looks.append(until)
        if len(looks) >= 5000:
            enough.set()
        return True

    many = [Readings(str(number)) for number in range(500)]
    publisher = Publisher(SystemClock())
    sources: dict[str | None, Source] = {it.name: Source(it.samples, steady) for it in many}
    publisher.follow({**sources, None: Source(lambda: ())})
    # Each of them at a moment of its own.
    await publisher.renew()

    async with running(publisher):
        await asyncio.wait_for(enough.wait(), TIME_OUT)

    assert len(looks) / len(set(looks)) > 50
