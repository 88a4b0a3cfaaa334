"""Content negotiation: which form of /metrics a request gets, and whether gzipped.

As much of RFC 9110, 12.5 as the two media types need. It never refuses: whoever asks for something
else, or in a way that cannot be read, gets the text format uncompressed.
"""

import re
from collections.abc import Iterator

from exporter.publish.wire import Format

# A header longer than this is nobody's honest Accept (Prometheus sends some 300 characters).
_LONGEST = 4096

_QUALITY = re.compile(r"0(\.[0-9]*)?|1(\.0*)?", re.ASCII)

# What asks for which form, and in which version. OpenMetrics wants to be named: wildcards are what
# curl and browsers send, who want text. Its draft 0.0.1 is not spoken.
_FORMATS: dict[str, tuple[Format, str]] = {
    "application/openmetrics-text": ("openmetrics", "1.0.0"),
    "text/plain": ("text", "0.0.4"),
    "text/*": ("text", "0.0.4"),
    "*/*": ("text", "0.0.4"),
}


def choose(accept: str | None, accept_encoding: str | None) -> tuple[Format, bool]:
    """The form to serve, and True where it is to be gzipped. Never raises.

    At equal quality a named type beats a wildcard, and the first beats the rest. gzip is used if it
    is named or covered by `*`, at a quality not below that of the uncompressed form.
    """
    wanted: list[tuple[float, bool, Format]] = [(0.0, True, "text")]
    for name, version, quality in _elements(accept):
        if (form := _FORMATS.get(name)) and version in ("", form[1]):
            wanted.append((quality, "*" not in name, form[0]))
    codings = {name: quality for name, _, quality in _elements(accept_encoding)}
    gzip = codings.get("gzip", codings.get("x-gzip", codings.get("*", 0.0)))
    gzipped = gzip > 0 and gzip >= codings.get("identity", 0.0)
    return max(wanted, key=lambda one: one[:2])[2], gzipped


def _elements(header: str | None) -> Iterator[tuple[str, str, float]]:
    """Name, version and quality of each element of the header, less those that cannot be read."""
    for element in (header or "").split(",") if len(header or "") <= _LONGEST else ():
        name, *parameters = (part.strip().lower() for part in element.split(";"))
        pairs = (parameter.partition("=") for parameter in parameters)
        values = {key.strip(): value.strip(' \t"') for key, _, value in pairs}
        if _QUALITY.fullmatch(quality := values.get("q", "1")):
            yield name, values.get("version", ""), float(quality)
