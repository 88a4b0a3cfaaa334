"""Where a command writes: only a regular file is ever replaced, and only when asked to."""

import os
import socket
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from exporter.commands.output import destination
from exporter.settings.errors import SettingsError


def pipe(path: Path) -> None:
    os.mkfifo(path)


def link_to_pipe(path: Path) -> None:
    os.mkfifo(path.with_name("pipe"))
    path.symlink_to("pipe")


def folder(path: Path) -> None:
    path.mkdir()


def listening(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(str(path))


@pytest.mark.parametrize(
    ("make", "kind"),
    [
        (pipe, "a pipe"),
        (link_to_pipe, "a pipe"),
        (folder, "a folder"),
        (listening, "a socket"),
    ],
)
def test_what_is_not_a_regular_file_is_refused_and_left_as_it_is(
    tmp_path: Path, make: Callable[[Path], None], kind: str
) -> None:
    place = tmp_path / "out"
    make(place)
    before = {path.name: path.lstat().st_mode for path in tmp_path.iterdir()}

    with pytest.raises(SettingsError, match=f"--output: is {kind}"):
        destination("--output", str(place), force=True)

    assert {path.name: path.lstat().st_mode for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize("kind", [stat.S_IFCHR, stat.S_IFBLK])
def test_a_device_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: int) -> None:
    place = tmp_path / "out"
    place.write_text("what stands for a device")
    real = Path.stat

    def as_device(path: Path, **options: bool) -> os.stat_result:
        found = real(path, **options)
        if path.name != "out":
            return found
        return os.stat_result((kind | 0o666, *found[1:]))

    monkeypatch.setattr(Path, "stat", as_device)

    with pytest.raises(SettingsError, match="--output: is a device, and only a regular file"):
        destination("--output", str(place), force=True)
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_file_that_is_there_wants_force_and_keeps_its_mode(tmp_path: Path) -> None:
    place = tmp_path / "out"
    place.write_text("old")
    place.chmod(0o640)

    with pytest.raises(SettingsError, match="--output: is there already; --force replaces it"):
        destination("--output", str(place), force=False)
    destination("--output", str(place), force=True).write(["new\n"])

    assert place.read_text() == "new\n"
    assert stat.S_IMODE(place.stat().st_mode) == 0o640


def test_a_link_stays_and_the_file_behind_it_is_written(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("file")

    destination("--output", str(tmp_path / "link"), force=False).write(["text\n"])

    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "file").read_text() == "text\n"


def test_a_place_that_cannot_be_written_is_refused_at_once(tmp_path: Path) -> None:
    for name in ("no/where", "x" * 300, "nul\0"):
        with pytest.raises(SettingsError, match="--output: "):
            destination("--output", str(tmp_path / name), force=False)
    # What stands in the draft's place, and is none.
    (tmp_path / "out.part").mkdir()
    with pytest.raises(SettingsError, match="--output: cannot be written: File exists"):
        destination("--output", str(tmp_path / "out"), force=False)


def test_a_write_that_fails_leaves_what_was_there(tmp_path: Path) -> None:
    place = tmp_path / "out"
    place.write_text("old")
    target = destination("--output", str(place), force=True)

    def broken() -> list[str]:
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        target.write(line for _ in "x" for line in broken())

    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert place.read_text() == "old"


def test_a_draft_of_an_interrupted_command_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "out.part").write_text("half of it")

    destination("--output", str(tmp_path / "out"), force=False).write(["whole\n"])

    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_minus_is_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    target = destination("--output", "-", force=False)
    target.write(["a\n", "b\n"])

    assert (str(target), target.beside(".checkpoint")) == ("standard output", None)
    assert capsys.readouterr().out == "a\nb\n"
