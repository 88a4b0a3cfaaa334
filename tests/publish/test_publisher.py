"""The publisher: a new snapshot after each poll and at least every 5 s, whatever happens."""

import asyncio
from collections.abc import Iterable

import pytest

from exporter.metrics import catalogue
from exporter.metrics.model import Sample
from exporter.metrics.snapshot import Group
from exporter.publish import publisher as publishers
from exporter.publish.publisher import RENEWAL_SECONDS, Publisher

TIME_OUT = 10.0


class Source:
    """Readings that count how often they were asked for."""

    def __init__(self) -> None:
        self.asked = 0
        self.broken = False
        self.renewed = asyncio.Event()

    def groups(self) -> Iterable[Group]:
        self.asked += 1
        self.renewed.set()
        samples = [Sample(catalogue.STATS, float(self.asked), ("asked",))]
        return [Group("default", samples * (2 if self.broken else 1))]

    async def until_asked(self, times: int) -> None:
        async with asyncio.timeout(TIME_OUT):
            while self.asked < times:
                self.renewed.clear()
                await self.renewed.wait()


def shown(publisher: Publisher) -> float:
    family = publisher.snapshot.family(catalogue.STATS)
    assert family is not None
    value = family.points[0].value
    assert isinstance(value, float)
    return value


def test_staleness_is_never_more_than_five_seconds_late() -> None:
    assert RENEWAL_SECONDS <= 5.0


async def test_snapshot_and_pages_say_the_same() -> None:
    source = Source()
    publisher = Publisher(source.groups, lambda: 17.0)
    assert publisher.exposition is None

    await publisher.renew()

    assert shown(publisher) == 1
    assert publisher.snapshot.taken == 17.0
    assert publisher.exposition is not None
    assert publisher.exposition.taken == 17.0
    assert b'isnotai_stats{integration="default",stat="asked"} 1.0' in publisher.exposition.text
    assert b"process_resident_memory_bytes" in publisher.exposition.text


async def test_a_poll_makes_a_snapshot_at_once() -> None:
    source = Source()
    publisher = Publisher(source.groups, lambda: 0.0)
    running = asyncio.create_task(publisher.run())
    for times in (1, 2):
        publisher.changed()
        await source.until_asked(times)
    running.cancel()
    await asyncio.wait([running])

    assert running.cancelled()


async def test_without_a_poll_the_timer_makes_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publishers, "RENEWAL_SECONDS", 0.01)
    source = Source()
    publisher = Publisher(source.groups, lambda: 0.0)
    running = asyncio.create_task(publisher.run())
    await source.until_asked(3)
    running.cancel()
    await asyncio.wait([running])

    assert shown(publisher) >= 1


async def test_a_reading_that_fits_no_snapshot_keeps_the_last_one_and_ends_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(publishers, "RENEWAL_SECONDS", 0.01)
    source = Source()
    publisher = Publisher(source.groups, lambda: 0.0)
    await publisher.renew()
    source.broken = True
    running = asyncio.create_task(publisher.run())
    await source.until_asked(4)
    assert shown(publisher) == 1

    source.broken = False
    await source.until_asked(source.asked + 2)
    running.cancel()
    await asyncio.wait([running])

    assert running.cancelled()
    assert shown(publisher) > 4
