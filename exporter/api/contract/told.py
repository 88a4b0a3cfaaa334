"""What the live document tells of things that the documentation leaves open.

Scales, the time of a bucket, the vocabulary of flags: settings guess them, and schemas nobody knew
are described or not. It is shown, and decides nothing.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from exporter.api.contract.document import Document, Place
from exporter.api.contract.reads import READS

_RANGE = re.compile(r"\b0(?:\.0+)?\s*(?:-|–|to|and|\.\.+|…)\s*(100|1)(?:\.0+)?(?![0-9])")
_START = re.compile(r"(?i)\b(?:start|starts|beginning|begins?)\b")
_END = re.compile(r"(?i)\b(?:end|ends)\b")
_NEWEST = re.compile(r"(?i)\b(?:newest|most recent|latest) first\b|\bdescending\b")
_OLDEST = re.compile(r"(?i)\boldest first\b|\bascending\b")


@dataclass(frozen=True, slots=True)
class Told:
    """What the document tells.

    settings: by the name of a setting what it should be, as far as it is told.
    flags: the vocabulary of detectionFlags; None where it is not told.
    order: of the session list: newest or oldest first; empty where it is not told.
    described: the number of fields, by the endpoints whose schema the documentation leaves open.
    """

    settings: dict[str, str]
    flags: frozenset[str] | None
    order: str
    described: dict[str, int]


def told(document: Document) -> Told:
    """Raises InvalidResponseError where the document is too tangled."""
    settings = {}
    origin = _at(document, "/v1/analytics", "data", "topOrigins", "[]", "botPercentage")
    score = _at(document, "/v1/sessions", "data", "[]", "botScore")
    for name, place in (
        ("analytics.bot_percentage_scale", origin),
        ("sessions.bot_score_scale", score),
    ):
        if scale := _scale(place):
            settings[name] = scale
    bucket = _at(document, "/v1/analytics", "data", "timeSeries", "[]", "timestamp")
    start, end = bool(_START.search(bucket.words)), bool(_END.search(bucket.words))
    if start != end:
        settings["analytics.bucket_timestamp"] = "start" if start else "end"
    flags = _at(document, "/v1/sessions", "data", "[]", "detectionFlags", "[]").values
    return Told(settings, flags or None, _order(document), dict(_described(document)))


def _at(document: Document, path: str, *steps: str) -> Place:
    place = document.place(document.answer(path))
    for step in steps:
        place = document.place(place.items if step == "[]" else place.fields.get(step, []))
    return place


def _scale(place: Place) -> str | None:
    """1 or 100, by the maximum that is given, or else by the range that is named in words."""
    if place.maximum in (1.0, 100.0):
        return f"{place.maximum:g}"
    ranges = set(_RANGE.findall(place.words))
    return ranges.pop() if len(ranges) == 1 else None


def _order(document: Document) -> str:
    words = document.words("/v1/sessions")[:4000]
    newest, oldest = bool(_NEWEST.search(words)), bool(_OLDEST.search(words))
    return "" if newest == oldest else "newest first" if newest else "oldest first"


def _described(document: Document) -> Iterator[tuple[str, int]]:
    for endpoint in READS:
        if not endpoint.answer:
            found = document.locations(document.answer(endpoint.path))
            leaves = sum(not place.fields and not place.items for place in found.values())
            yield endpoint.path, leaves if len(found) > 1 else 0
