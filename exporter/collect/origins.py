"""Web origins as label values: scheme, host and port, in one spelling each; all else is `other`.

A path, a query or a user name never gets through: they can identify a student.
"""

import re
from ipaddress import AddressValueError, IPv4Address, IPv6Address

from exporter.metrics.model import OTHER

_ORIGIN = re.compile(
    r"(?P<scheme>https?)://(?P<host>\[[0-9a-f:.]+\]|[^\s/?#@:%\[\]\\]+)(?::(?P<port>[0-9]{1,5}))?",
    re.IGNORECASE,
)
_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
_DEFAULT_PORTS = {"http": 80, "https": 443}
_MAX_HOST = 253
_LONGEST = 300


def origin_label(text: str | None) -> str:
    """`HTTPS://LMS.Example:443` gives `https://lms.example`; what is not an origin, `other`.

    Default ports go, case is lowered, an international name is written in its ASCII form
    (`xn--…`), an IPv6 address in its short one.
    """
    if text is None or len(text) > _LONGEST:
        # Before all else: IDNA takes the square of the length, and more than a host has is none.
        return OTHER
    match = _ORIGIN.fullmatch(text)
    if match is None:
        return OTHER
    scheme = match["scheme"].lower()
    host = _host(match["host"])
    port = _DEFAULT_PORTS[scheme] if match["port"] is None else int(match["port"])
    if host is None or not 0 < port <= 65535:
        return OTHER
    return f"{scheme}://{host}" + ("" if port == _DEFAULT_PORTS[scheme] else f":{port}")


def _host(text: str) -> str | None:
    """The host in its one spelling, or None where it is not a name or address."""
    try:
        if text.startswith("["):
            return f"[{IPv6Address(text[1:-1]).compressed}]"
        name = text.lower() if text.isascii() else text.encode("idna").decode("ascii").lower()
        labels = name.split(".")
        if labels[-1].isdigit():
            return str(IPv4Address(name))
    except (AddressValueError, UnicodeError):
        return None
    whole = len(name) <= _MAX_HOST and all(_LABEL.fullmatch(label) for label in labels)
    return name if whole else None
