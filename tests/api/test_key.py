"""The key file: read again whenever it changes, and every way in which it can be missing."""

from pathlib import Path

import pytest

from exporter.api.errors import KeyMissingError, KeyRefusedError
from exporter.api.key import FixedKey, KeyFile, KeyGate
from tests.api.clients import KEY, OTHER_KEY
from tests.clocks import FakeClock


def key_file(path: Path, told: list[str] | None = None) -> KeyFile:
    return KeyFile(path, (told if told is not None else []).append)


@pytest.mark.parametrize(
    "content",
    [KEY, f"{KEY}\n", f"  {KEY}\r\n\n", f"\ufeff{KEY}\n"],
    ids=["bare", "newline", "spaces", "mark"],
)
def test_white_space_and_a_byte_order_mark_are_no_part_of_the_key(
    tmp_path: Path, content: str
) -> None:
    path = tmp_path / "key"
    path.write_text(content, encoding="utf-8")

    assert key_file(path).read() == KEY


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "empty"),
        (b" \n", "empty"),
        (KEY.encode() + b" " + KEY.encode(), "more than one word"),
        (KEY.encode() + b"\n" + KEY.encode(), "more than one word"),
        ("aik_v1_käse".encode(), "visible ASCII"),
        (b"aik\x00key", "visible ASCII"),
        (b"\xff\xfe\x00", "not text"),
    ],
)
def test_a_file_without_a_key_that_can_be_sent_says_so_and_not_what_it_holds(
    tmp_path: Path, content: bytes, said: str
) -> None:
    path = tmp_path / "key"
    path.write_bytes(content)

    with pytest.raises(KeyMissingError, match=said) as caught:
        key_file(path).read()

    assert "aik" not in str(caught.value)


def test_a_missing_file_and_a_folder_are_no_key(tmp_path: Path) -> None:
    for path in (tmp_path / "missing", tmp_path):
        with pytest.raises(KeyMissingError, match="cannot be read"):
            key_file(path).read()


def test_each_new_key_is_told_once_before_it_is_used(tmp_path: Path) -> None:
    path, told = tmp_path / "key", list[str]()
    file = key_file(path, told)

    for key in (KEY, KEY, OTHER_KEY):
        path.write_text(key)
        assert file.read() == told[-1]

    assert told == [KEY, OTHER_KEY]


def test_a_key_file_that_comes_back_is_used_again(tmp_path: Path) -> None:
    path = tmp_path / "key"
    gate = KeyGate(key_file(path), FakeClock(), lambda: 0.5)

    for _ in range(2):
        path.unlink(missing_ok=True)
        with pytest.raises(KeyMissingError):
            gate.check()
        assert gate.valid is False
        path.write_text(KEY)
        assert gate.key() == KEY
        assert gate.valid is None


def test_checking_takes_no_ones_turn_and_asking_does() -> None:
    clock = FakeClock()
    gate = KeyGate(FixedKey(KEY), clock, lambda: 0.5)
    gate.refused(gate.key())
    clock.advance(30)

    gate.check()
    gate.check()
    assert gate.key() == KEY

    with pytest.raises(KeyRefusedError):
        gate.key()


def test_the_probes_of_many_exporters_do_not_fall_in_step() -> None:
    waits = set()
    for jitter in (0.0, 0.5, 0.999):
        clock = FakeClock()
        gate = KeyGate(FixedKey(KEY), clock, lambda jitter=jitter: jitter)  # type: ignore[misc]  # it has a default
        gate.refused(gate.key())
        waited = 0
        while True:
            try:
                gate.check()
                break
            except KeyRefusedError:
                clock.advance(1)
                waited += 1
        waits.add(waited)

    assert waits == {15, 23, 30}


def test_a_probe_that_gets_no_verdict_leaves_the_key_refused(tmp_path: Path) -> None:
    clock = FakeClock()
    gate = KeyGate(FixedKey(KEY), clock, lambda: 0.5)
    gate.refused(gate.key())
    clock.advance(30)
    gate.key()

    assert gate.valid is False
    with pytest.raises(KeyRefusedError):
        gate.key()
    clock.advance(30)
    assert gate.key() == KEY


def test_a_key_that_is_taken_again_is_free_at_once() -> None:
    gate = KeyGate(FixedKey(KEY), FakeClock(), lambda: 0.5)
    gate.refused(gate.key())

    gate.accepted()

    assert gate.key() == KEY
    assert gate.valid is True
