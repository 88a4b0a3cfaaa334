"""A recording shows what is left on the screen, in its colours."""

from scripts.record_terminal import IMAGES, RECORDINGS, draw, settled


def test_what_progress_drew_and_erased_is_not_left() -> None:
    written = (
        "cost\r\n\x1b[?25l\rbar 0%\r\x1b[2Kbar 50%\r\n\r\x1b[1A\x1b[2K\x1b[?25h"
        "\x1b[1mheader\x1b[0m\r\nrow\r\n"
    )

    assert settled(written) == "cost\n\x1b[1mheader\x1b[0m\nrow"


def test_a_picture_holds_the_command_and_its_output() -> None:
    picture = draw("check", ("check", "-v"), "\x1b[32m✓\x1b[0m all [bold]is[/bold] well")

    assert picture.startswith("<svg")
    assert "isnotai-exporter" in picture
    assert "[bold]is[/bold]" in picture.replace("&#160;", " ")


def test_each_recording_is_there_and_loads_nothing_from_elsewhere() -> None:
    for name in RECORDINGS:
        picture = (IMAGES / f"terminal-{name}.svg").read_text("utf-8")
        assert "isnotai-exporter" in picture
        assert "url(http" not in picture.replace('"', "")
