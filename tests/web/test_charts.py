"""The charts of the last day: drawn of what is known, in words for whoever cannot see them."""

from xml.etree import ElementTree

from exporter.ledger.recent import Slot
from exporter.web import charts

DAY = [Slot(900 * number, number, number // 10) for number in range(96)]


def drawings(html: str) -> list[ElementTree.Element]:
    return list(ElementTree.fromstring(html).iter("svg"))  # noqa: S314 - our own


def test_sessions_and_the_share_of_bots_are_drawn_and_told() -> None:
    sessions, share = drawings(charts.last_day(DAY))

    assert sessions.get("aria-label") == (
        "Sessions and bots among them, last 24 h; 4,560 sessions; "
        "at most 95 in 15 min, by quarter of an hour"
    )
    assert "9.1 % bots" in (share.get("aria-label") or "")
    assert [path.get("class") for path in sessions.iter("path")] == ["all", "bots"]
    (bars,) = share.iter("path")
    assert (bars.get("d") or "").count("M") == 86


def test_the_highest_bar_is_as_high_as_the_drawing() -> None:
    sessions, _ = drawings(charts.last_day(DAY))
    path = sessions.find("path")
    assert path is not None
    assert f"M950 {charts.HEIGHT}v-{charts.HEIGHT}h8V{charts.HEIGHT}" in (path.get("d") or "")


def test_what_is_not_known_is_shaded_and_said_not_drawn_as_nothing() -> None:
    slots = [
        *(Slot(900 * n, None, None) for n in range(48)),
        *(Slot(900 * n, 5, None) for n in range(48, 72)),
        *(Slot(900 * n, 5, 1) for n in range(72, 96)),
    ]
    sessions, share = drawings(charts.last_day(slots))

    for drawing, width in ((sessions, "480"), (share, "720")):
        shade = drawing.find("rect")
        assert shade is not None
        assert (shade.get("class"), shade.get("width")) == ("unknown", width)
    assert "20.0 % bots" in (share.get("aria-label") or "")
    assert "known from 18:00 UTC on" in charts.last_day(slots)


def test_a_day_without_sessions_and_one_that_nothing_is_known_of() -> None:
    empty = charts.last_day([Slot(900 * n, 0, 0) for n in range(96)])
    assert "0 sessions" in empty
    assert "path" not in empty
    assert charts.last_day([Slot(900 * n, None, None) for n in range(96)]) == ""
    assert charts.last_day(()) == ""
