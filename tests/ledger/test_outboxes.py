"""What waits in the state: each settled bot once, whatever befalls, and nothing once it is done."""

import sqlite3
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from exporter.api.schema.details import Details
from exporter.ledger import outboxes
from exporter.ledger.details import LONGEST_SECONDS, Pending, PendingDetails
from exporter.ledger.findings import StoredOutbox
from exporter.publish.findings import Finding, OutboxError, finding_id
from tests.ledger.bench import Bench, KilledError, Make, add, polls

SEEN = Details({"mouse": 3, "scroll": 0, "keyboard": 2, "touch": 0, "form": 1}, 42.0)


@pytest.fixture
def bench(make: Make) -> Bench:
    made = make(details=True, findings=True)
    made.poll()
    return made


def pending(bench: Bench) -> PendingDetails:
    return PendingDetails(bench.store, bench.ledger)


def outbox(bench: Bench) -> StoredOutbox:
    return StoredOutbox(bench.store, bench.ledger)


def to_read(bench: Bench) -> list[Pending]:
    return list(bench.run(pending(bench).newest(100)))


def to_send(bench: Bench, most: int = 9) -> list[Finding]:
    return list(bench.run(outbox(bench).waiting(most)))


def names(bench: Bench) -> list[str]:
    return [it.session for it in to_read(bench)]


def test_only_bots_wait_and_only_once_they_are_settled(bench: Bench) -> None:
    add(bench, "human")
    bot = add(bench, "bot", score=0.9, status="active")
    polls(bench, 1, apart=5)
    assert names(bench) == []

    bot.score, bot.status = 0.2, "closed"
    polls(bench, 2)

    assert names(bench) == ["bot"]
    (finding,) = to_send(bench)
    assert (finding.session, finding.score) == ("bot", 0.2)
    assert finding.uid == finding_id("test", "bot")


def test_the_newest_wait_first_for_their_details_and_last_for_the_collector(bench: Bench) -> None:
    for name in ("first", "second", "third"):
        add(bench, name, score=0.9)
        polls(bench, 1)

    assert names(bench) == ["third", "second", "first"]
    assert [it.session for it in to_send(bench, 2)] == ["first", "second"]


def test_a_bot_that_the_list_no_longer_shows_waits_too(bench: Bench) -> None:
    add(bench, "gone", score=0.9, status="active")
    polls(bench, 1, apart=5)
    bench.listing.sessions.clear()
    polls(bench, 6)

    assert names(bench) == ["gone"]


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_kill_round_the_commit_counts_a_bots_details_once(bench: Bench, when: str) -> None:
    add(bench, "bot", score=0.9)
    polls(bench, 1)
    (it,) = to_read(bench)
    bench.store.kill = when
    with suppress(KilledError):
        bench.run(pending(bench).read(it, SEEN))
    bench.restart()
    for again in to_read(bench):
        bench.run(pending(bench).read(again, SEEN))
    bench.run(pending(bench).read(it, SEEN))  # what another has done is done

    counts = bench.counts()
    assert {key: counts[key] for key in ("detail:read", "event:mouse", "event:form")} == {
        "detail:read": 1,
        "event:mouse": 3,
        "event:form": 1,
    }
    assert counts["duration_sum"] == 42.0
    assert names(bench) == []


def test_beyond_the_most_the_oldest_are_skipped_and_dropped_and_counted(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outboxes, "MOST_DETAILS", 2)
    monkeypatch.setattr(outboxes, "MOST_FINDINGS", 3)
    for number in range(5):
        add(bench, f"bot-{number}", score=0.9)
        polls(bench, 1)

    assert names(bench) == ["bot-4", "bot-3"]
    assert bench.counts()["detail:skipped"] == 3
    assert bench.counts()["finding:dropped"] == 2
    assert bench.state.findings == 3


def test_what_could_not_be_read_for_a_day_is_skipped(bench: Bench) -> None:
    add(bench, "old", score=0.9)
    polls(bench, 1)
    bench.clock.advance(LONGEST_SECONDS)
    add(bench, "new", score=0.9)
    polls(bench, 1)

    assert names(bench) == ["new"]
    assert bench.counts()["detail:skipped"] == 1


def test_findings_stay_until_they_were_taken_and_rejected_ones_are_counted(bench: Bench) -> None:
    for number in range(3):
        add(bench, f"bot-{number}", score=0.9)
    polls(bench, 1)
    waiting = to_send(bench)
    bench.restart()
    assert to_send(bench) == waiting
    assert bench.state.findings == 3

    bench.run(outbox(bench).sent(waiting, 1))
    bench.run(outbox(bench).sent(waiting, 1))

    assert to_send(bench) == []
    assert bench.counts()["finding:sent"] == 2
    assert bench.counts()["finding:rejected"] == 1
    assert bench.state.findings == 0


def test_where_nothing_waits_the_state_is_not_asked(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(bench, "person", score=0.1)
    polls(bench, 1)

    monkeypatch.setattr(bench.store, "run", None)

    assert to_send(bench) == []


def test_a_state_that_cannot_be_written_is_an_outbox_error(bench: Bench) -> None:
    add(bench, "bot", score=0.9)
    polls(bench, 1)
    waiting = to_send(bench)

    bench.store.fail = sqlite3.OperationalError("database or disk is full")

    with pytest.raises(OutboxError):
        bench.run(outbox(bench).sent(waiting, 0))


def test_batches_are_bounded_in_bytes_but_never_empty(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outboxes, "BATCH_BYTES", 1000)
    for number in range(6):
        add(bench, f"{number}" * 400, score=0.9)
    polls(bench, 1)
    found = to_send(bench)

    assert len(found) == 1


def test_an_id_is_gone_from_the_file_once_nothing_waits(bench: Bench) -> None:
    add(bench, "somebody@example.org", score=0.9)
    polls(bench, 2)
    assert isinstance(bench.path, Path)
    assert b"example.org" in b"".join(it.read_bytes() for it in bench.path.parent.iterdir())
    bench.run(outbox(bench).sent(to_send(bench), 0))
    (it,) = to_read(bench)
    bench.run(pending(bench).missing(it))

    held = bench.held()

    assert b"example.org" not in held


def test_what_is_switched_off_is_forgotten_and_keeps_no_id(make: Make) -> None:
    bench = make(details=True, findings=True)
    bench.poll()
    add(bench, "somebody@example.org", score=0.9)
    add(bench, "open@example.org", score=0.9, status="active")
    polls(bench, 1, apart=30)
    bench.rules = replace(bench.rules, details=False, findings=False)

    bench.restart()
    bench.poll()

    held = bench.held()

    assert b"example.org" not in held
