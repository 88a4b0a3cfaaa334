"""Content negotiation: which face of /metrics a request gets, and whether gzipped.

RFC 9110, 12.4.2 (quality values), 12.5.1 (Accept) and 12.5.3 (Accept-Encoding), for the two media
types that there are. It never refuses: whoever asks for something else, or in a way that nobody
can read, gets the text format uncompressed, since a scraper is better served than refused.

The headers are taken apart with the standard library (`urllib.request.parse_http_list` knows the
commas within quotes, `email.message` the parameters). werkzeug's parser does the same at the price
of a web framework: 2 MiB of the 60 that the exporter may use, and two dependencies.
"""

import re
from collections.abc import Iterator
from email.message import Message
from functools import lru_cache
from typing import NamedTuple
from urllib.request import parse_http_list

from exporter.publish.exposition import Face

# A header longer than this is nobody's honest Accept (Prometheus sends some 300 characters).
_LONGEST = 4096

_QUALITY = re.compile(r"0(\.[0-9]*)?|1(\.0*)?", re.ASCII)

# The media type and the version of each face. Of OpenMetrics only 1.0.0 is spoken: a client that
# insists on the draft 0.0.1 gets text. Other parameters say nothing that would change a byte:
# both faces are UTF-8, and each name is valid under every `escaping` scheme.
_FACES: tuple[tuple[Face, str, str], ...] = (
    ("text", "text/plain", "0.0.4"),
    ("openmetrics", "application/openmetrics-text", "1.0.0"),
)


class _Range(NamedTuple):
    """One element of a header: what it names, lower case, its version if any, its quality."""

    name: str
    version: str | None
    quality: float


class _Match(NamedTuple):
    """How well a face is wanted. Of two, the greater one is served.

    At equal quality a type that is named beats one that a wildcard lets in, and the one named
    first beats the other: `*/*` is what curl and browsers send, who want text.
    """

    quality: float
    named: bool
    earliness: int


def choose(accept: str | None, accept_encoding: str | None) -> tuple[Face, bool]:
    """The face to serve, and True where it is to be gzipped. Never raises."""
    return _face(accept), _gzipped(accept_encoding)


@lru_cache(maxsize=64)
def _face(accept: str | None) -> Face:
    if accept is None:
        return "text"
    ranges = list(_elements(accept))
    best: Face = "text"
    best_match = _Match(0.0, False, 0)
    for face, media_type, version in _FACES:
        match = _match(ranges, media_type, version)
        if match is not None and match.quality > 0 and match > best_match:
            best, best_match = face, match
    return best


def _match(ranges: list[_Range], media_type: str, version: str) -> _Match | None:
    """What the most specific of the ranges that cover the type says of it."""
    kind = media_type.partition("/")[0]
    specificity = {media_type: 2, f"{kind}/*": 1, "*/*": 0}
    covering = [
        ((specificity[item.name], item.version is not None), place, item)
        for place, item in enumerate(ranges)
        if item.name in specificity and item.version in (None, version)
    ]
    if not covering:
        return None
    closest = max(precision for precision, _, _ in covering)
    quality, place = max(
        (item.quality, -place) for precision, place, item in covering if precision == closest
    )
    named = closest[0] == 2
    return _Match(quality, named, place if named else -len(ranges))


@lru_cache(maxsize=64)
def _gzipped(accept_encoding: str | None) -> bool:
    """True where gzip is allowed and no less welcome than sending the bytes as they are.

    Without the header any coding is allowed; nothing is said of gzip then, so it is not used.
    """
    if accept_encoding is None:
        return False
    qualities = {item.name: item.quality for item in _elements(accept_encoding)}
    gzip = qualities.get("gzip", qualities.get("x-gzip", qualities.get("*", 0.0)))
    identity = qualities.get("identity", 0.0)
    return gzip > 0 and gzip >= identity


def _elements(header: str) -> Iterator[_Range]:
    """The elements of a list header, those that cannot be read left out."""
    if len(header) > _LONGEST:
        return
    for element in parse_http_list(header):
        message = Message()
        message["content-type"] = element
        (name, _), *parameters = message.get_params() or [("", "")]
        values = {key.lower(): value for key, value in parameters if isinstance(value, str)}
        quality = values.get("q", "1")
        if _QUALITY.fullmatch(quality):
            yield _Range(name.strip().lower(), values.get("version"), float(quality))
