"""The push of findings: at least once, emptied only after the Collector took them, bounded."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import pytest
from opentelemetry.sdk._logs.export import LogRecordExportResult
from opentelemetry.sdk.resources import Resource

from exporter.commands.daemon import findings_settings
from exporter.publish.findings import Finding, OutboxError, finding_id
from exporter.publish.otlp_logs import FindingsPush, record
from exporter.publish.otlp_settings import OtlpSettings, read_otlp
from exporter.settings import model as settings_model
from exporter.settings.errors import SettingsError
from exporter.settings.model import Settings
from tests import virtual_time
from tests.clocks import FakeClock
from tests.virtual_time import VirtualClock

ENDPOINT = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"}
ONE = Finding(
    finding_id("default", "s1"),
    "default",
    "s1",
    1_790_000_000_000_000,
    1_790_000_100.5,
    0.93,
    ("headless",),
    (("course", "7"),),
)


def settings(**variables: str) -> OtlpSettings:
    found, warnings = read_otlp({**ENDPOINT, **variables}, "logs")
    assert found is not None
    assert warnings == ()
    return found


class Memory:
    """An outbox, and a Collector; both fail when they are told to."""

    reason: str | None = None
    rejected = 0
    outdated = False

    def __init__(self, *waiting: Finding) -> None:
        self.left = list(waiting)
        self.arrived: list[str] = []
        self.refused = 0
        self.up, self.broken = True, False

    async def waiting(self, most: int) -> Sequence[Finding]:
        if self.broken:
            raise OutboxError("the disk is full")
        return self.left[:most]

    async def sent(self, findings: Iterable[Finding], rejected: int) -> None:
        if self.broken:
            raise OutboxError("the disk is full")
        self.refused += rejected
        gone = {it.uid for it in findings}
        self.left = [it for it in self.left if it.uid not in gone]

    def export(self, data: Any, /) -> LogRecordExportResult:
        if not self.up:
            self.reason = "it is down"
            return LogRecordExportResult.FAILURE
        self.arrived += [it.log_record.attributes["log.record.uid"] for it in data]
        return LogRecordExportResult.SUCCESS

    def shutdown(self) -> None:
        pass

    def connect(self, settings: OtlpSettings, limit: float) -> "Memory":
        return self

    def push(self) -> FindingsPush:
        return FindingsPush(settings(), lambda: [self], FakeClock(), "here", self.connect)


def many(count: int) -> list[Finding]:
    return [replace(ONE, uid=f"uid-{number}") for number in range(count)]


async def test_all_that_waits_is_sent_and_then_taken_off() -> None:
    memory = Memory(*many(1200))

    assert await memory.push().send_waiting()

    assert memory.arrived == [f"uid-{number}" for number in range(1200)]
    assert memory.left == []


async def test_what_the_collector_does_not_take_stays_and_is_sent_later() -> None:
    memory = Memory(*many(3))
    push = memory.push()
    memory.up = False
    assert not await push.send_waiting()
    assert len(memory.left) == 3

    memory.up = True
    assert await push.send_waiting()
    assert (memory.left, memory.arrived) == ([], ["uid-0", "uid-1", "uid-2"])


async def test_what_could_not_be_taken_off_is_sent_again_with_the_same_id(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    memory = Memory(ONE)
    push = memory.push()

    async def failing(findings: Iterable[Finding], rejected: int) -> None:
        raise OutboxError("the disk is full")

    with monkeypatch.context() as full:
        full.setattr(memory, "sent", failing)
        assert not await push.send_waiting()
    assert await push.send_waiting()

    assert memory.arrived == [ONE.uid, ONE.uid]
    assert memory.left == []


async def test_an_outbox_that_cannot_be_read_ends_nothing() -> None:
    memory = Memory(ONE)
    memory.broken = True

    assert not await memory.push().send_waiting()
    await memory.push().flush()
    assert memory.arrived == []


async def test_the_last_push_sends_what_waits() -> None:
    memory = Memory(ONE)
    await memory.push().flush()

    assert (memory.arrived, memory.left) == ([ONE.uid], [])


def test_the_last_push_of_all_integrations_ends_in_time_though_each_takes_long() -> None:
    asked: list[Memory] = []

    class Slow(Memory):
        async def waiting(self, most: int) -> Sequence[Finding]:
            asked.append(self)
            await VirtualClock().sleep(1.0)
            return ()

    async def flushed() -> float:
        slow = [Slow() for _ in range(100)]
        push = FindingsPush(settings(), lambda: slow, FakeClock(), "here", slow[0].connect)
        began = VirtualClock().monotonic()
        await push.flush(1.5)
        return VirtualClock().monotonic() - began

    assert virtual_time.run(flushed()) == 1.5
    assert len(asked) == 2


async def test_what_the_collector_rejects_is_counted() -> None:
    memory = Memory(*many(3))
    memory.rejected = 2
    await memory.push().send_waiting()

    assert (memory.refused, memory.left) == (2, [])


def test_a_record_names_the_session_and_what_it_did_and_nothing_else() -> None:
    made = record(ONE, Resource({}), 1_790_000_200.0).log_record

    assert made.event_name == "isnotai.bot_session"
    assert made.timestamp == 1_790_000_100_500_000_000
    assert made.observed_timestamp == 1_790_000_200_000_000_000
    assert dict(made.attributes or {}) == {
        "log.record.uid": ONE.uid,
        "session.id": "s1",
        "isnotai.integration": "default",
        "isnotai.session.created": "2026-09-21T14:13:20+00:00",
        "isnotai.session.flags": ["headless"],
        "isnotai.session.bot_score": 0.93,
        "isnotai.place.course": "7",
    }


def test_a_record_without_a_score_or_with_an_odd_id_can_be_sent() -> None:
    odd = replace(ONE, score=None, session="\ud800", flags=())
    attributes = record(odd, Resource({}), 1.0).log_record.attributes or {}

    assert "isnotai.session.bot_score" not in attributes
    assert str(attributes["session.id"]).encode()


def test_an_id_is_stable_and_of_integration_and_session() -> None:
    assert finding_id("default", "s1") == ONE.uid == "20a8fee3-fd40-5bda-bec9-eadc563a8ac2"
    assert len({finding_id(*pair) for pair in (("a", "b"), ("a", "c"), ("b", "b"))}) == 3
    assert finding_id("a", "\ud800")


def test_what_is_written_to_the_state_is_read_as_it_was() -> None:
    odd = replace(ONE, session="\ud800", score=None)

    assert Finding.read(ONE.written()) == ONE
    assert Finding.read(odd.written()) == odd
    for damage in ("", "[]", "{}", "null", '{"uid": 1}'):
        with pytest.raises(ValueError, match=r"not a finding|Expecting value"):
            Finding.read(damage)


def test_the_variables_of_logs_decide_before_the_general_ones() -> None:
    assert settings().endpoint == "http://127.0.0.1:1/v1/logs"
    own = settings(
        OTEL_EXPORTER_OTLP_LOGS_ENDPOINT="http://127.0.0.1:2/mine",
        OTEL_EXPORTER_OTLP_METRICS_ENDPOINT="http://127.0.0.1:3/",
        OTEL_EXPORTER_OTLP_LOGS_HEADERS="a=b",
        OTEL_BLRP_SCHEDULE_DELAY="250",
        OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE="delta",
    )
    assert (own.endpoint, own.headers, own.interval) == (
        "http://127.0.0.1:2/mine",
        {"a": "b"},
        0.25,
    )


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {**ENDPOINT, "OTEL_LOGS_EXPORTER": "none"},
        {**ENDPOINT, "OTEL_SDK_DISABLED": "true"},
        {"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "http://127.0.0.1:1"},
    ],
)
def test_findings_without_a_place_to_go_are_an_error_that_says_what_to_set(
    environ: dict[str, str],
) -> None:
    on = Settings(otlp=settings_model.OtlpSettings(findings=True))

    with pytest.raises(SettingsError, match=r"otlp\.findings.*OTEL_EXPORTER_OTLP_LOGS_ENDPOINT"):
        findings_settings(on, environ)
    assert findings_settings(Settings(), environ) is None
