"""The last 24 hours of an integration as inline SVG: sessions with their bots, and their share.

Shapes only; all words stand beside them in HTML, so that they stay legible at any width. What is
not known is left out and said, never drawn as 0.
"""

from collections.abc import Sequence
from html import escape

from exporter.ledger.recent import Slot
from exporter.web import words

WIDTH, HEIGHT = 960, 120
"""Units of the drawing, which is stretched to its place."""


def last_day(slots: Sequence[Slot]) -> str:
    """Both charts with what they say in words; empty where nothing is known."""
    if not any(slot.sessions is not None for slot in slots):
        return ""
    return f'<div class="charts">{_sessions(slots)}{_share(slots)}</div>'


def _sessions(slots: Sequence[Slot]) -> str:
    known = [slot.sessions for slot in slots if slot.sessions is not None]
    most = max(known)
    text = f"{words.count(sum(known))} sessions"
    peak = f"at most {words.count(most)} in 15 min"
    shapes = _unknown(slots, [slot.sessions for slot in slots])
    shapes += _bars("all", [slot.sessions for slot in slots], most)
    shapes += _bars("bots", [slot.bots for slot in slots], most)
    return _figure("Sessions and bots among them, last 24 h", text, peak, "", shapes)


def _share(slots: Sequence[Slot]) -> str:
    whole = [slot for slot in slots if slot.bots is not None]
    sessions = sum(slot.sessions or 0 for slot in whole)
    ratios = [
        slot.bots / slot.sessions if slot.bots is not None and slot.sessions else None
        for slot in slots
    ]
    most = max((ratio for ratio in ratios if ratio is not None), default=0.0)
    text = f"{words.share(sum(slot.bots or 0 for slot in whole), sessions)} bots"
    since = ""
    if whole and whole[0] is not slots[0]:
        since = f"known from {words.of_day(whole[0].start)} on"
    elif not whole:
        since = "known for what is created from now on"
    shapes = _unknown(slots, [slot.bots for slot in slots])
    shapes += _bars("bots", ratios, most)
    return _figure(
        "Share of bots, last 24 h", text, f"at most {words.percent(most)}", since, shapes
    )


def _figure(title: str, text: str, peak: str, note: str, shapes: str) -> str:
    spoken = escape("; ".join(filter(None, (title, text, f"{peak}, by quarter of an hour", note))))
    noted = f'<span class="note">{escape(note)}</span>' if note else ""
    return f"""<figure>
<figcaption>{escape(title)}: <strong>{escape(text)}</strong> {noted}</figcaption>
<p class="peak">{escape(peak)}</p>
<svg role="img" aria-label="{spoken}" viewBox="0 0 {WIDTH} {HEIGHT}" preserveAspectRatio="none">
{shapes}</svg>
<p class="axis"><span>24 h ago</span><span>12 h</span><span>now</span></p>
</figure>"""


def _bars(kind: str, values: Sequence[float | None], most: float) -> str:
    """One path of a bar for each value above 0."""
    step = WIDTH / len(values)
    drawn = "".join(
        f"M{place * step:g} {HEIGHT}v-{HEIGHT * value / most:.4g}h{0.8 * step:g}V{HEIGHT}"
        for place, value in enumerate(values)
        if value
    )
    return f'<path class="{kind}" d="{drawn}"/>\n' if drawn else ""


def _unknown(slots: Sequence[Slot], values: Sequence[float | None]) -> str:
    """A shade over the time of which nothing is known."""
    missing = next((n for n, value in enumerate(values) if value is not None), len(slots))
    width = missing * WIDTH / len(slots)
    shade = f'<rect class="unknown" width="{width:g}" height="{HEIGHT}"/>\n'
    return shade if missing else ""
