"""Why a connection failed, in the same words wherever it is told.

Reads the chain of errors that httpx, requests and urllib3 leave behind, or what stands for gRPC's.
No text here holds a URL, a password or a key: it names host and port, or the proxy's, and what the
system or OpenSSL said.
"""

import errno
import http.client
import os
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Self
from urllib.parse import urlsplit

from exporter.net.proxies import DEFAULT_PORTS
from exporter.net.trust import CertificateFileError, Trust

_WHY: Final = {
    9: "not valid yet; is a clock wrong?",
    10: "expired",
    18: "self-signed, and not among the trusted ones",
    19: "unknown issuer",
    20: "unknown issuer",
    21: "unknown issuer",
    62: "hostname mismatch",
    64: "hostname mismatch",
    79: "its CA's basic constraints are missing, or with its key usage do not make it a CA",
}
"""By OpenSSL's X509_V_ERR_ numbers; others are told in OpenSSL's words."""

_NO_ROUTE: Final = {errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EADDRNOTAVAIL}
_BROKEN_OFF: Final = (ConnectionResetError, BrokenPipeError, http.client.RemoteDisconnected)


class UnexpectedAnswerError(Exception):
    """What came is not what was asked for. The text says what it should have been: `not HTTP`."""


@dataclass(frozen=True, slots=True)
class Peer:
    """Whom we speak to: host and port, and the same of the proxy on the way, if any."""

    host: str
    port: int
    proxy_host: str | None = None
    proxy_port: int = 0
    trust: Trust | None = None
    """What its certificate is judged by; its troubles explain why one is not accepted."""

    @classmethod
    def of(cls, url: str, proxy: str | None = None, trust: Trust | None = None) -> Self:
        """From two URLs that `Proxies.for_url` has accepted."""
        host, port = _place(url)
        if proxy is None:
            return cls(host, port, trust=trust)
        return cls(host, port, *_place(proxy), trust=trust)

    @property
    def name(self) -> str:
        return _joined(self.host, self.port)

    @property
    def first(self) -> str:
        """Whom we connect to: the proxy, where there is one."""
        if self.proxy_host is None:
            return self.name
        return f"the proxy {_joined(self.proxy_host, self.proxy_port)}"

    @property
    def first_host(self) -> str:
        return self.host if self.proxy_host is None else f"the proxy {self.proxy_host}"


def describe(error: BaseException, peer: Peer) -> str:
    """Why the connection failed, in a few words; a time-out is told by `timed_out`."""
    chain = list(_chain(error))
    for words in (_about_certificates, _about_connecting, _about_a_proxy, _about_closing):
        if text := next(filter(None, (words(cause, peer) for cause in chain)), None):
            return text
    if any(type(cause).__name__ == "RemoteProtocolError" for cause in chain):
        if any("disconnected" in str(cause) or "closed" in str(cause) for cause in chain):
            return f"connection closed by {peer.first}"
        return _unexpected(peer, "not HTTP")
    if any(isinstance(cause, http.client.BadStatusLine) for cause in chain):
        return _unexpected(peer, "not HTTP")
    if other := next((one for one in chain if isinstance(one, UnexpectedAnswerError)), None):
        return _unexpected(peer, str(other))
    for cause in chain:
        if isinstance(cause, OSError) and cause.errno:
            return f"cannot connect to {peer.first}: {os.strerror(cause.errno)}"
    if any(type(cause).__name__ == "ReadError" for cause in chain):
        return f"connection closed by {peer.first}"
    return f"no answer from {peer.name}: {type(error).__name__}"


def _about_certificates(cause: BaseException, peer: Peer) -> str | None:
    if isinstance(cause, CertificateFileError):
        return str(cause)
    if isinstance(cause, ssl.SSLCertVerificationError):
        troubles = () if peer.trust is None else peer.trust.problems
        why = "; ".join((_why(cause), *troubles))
        return f"certificate of {peer.host} not accepted: {why}"
    return None


def _about_connecting(cause: BaseException, peer: Peer) -> str | None:
    if isinstance(cause, socket.gaierror):
        return f"cannot resolve {peer.first_host}"
    if isinstance(cause, ConnectionRefusedError):
        return f"connection refused by {peer.first}"
    if isinstance(cause, ssl.SSLError) and not isinstance(cause, ssl.SSLEOFError):
        reason = (cause.reason or type(cause).__name__).replace("_", " ").lower()
        return f"TLS handshake with {peer.name} failed: {reason}"
    if isinstance(cause, OSError) and cause.errno in _NO_ROUTE:
        return f"no route to {peer.first}"
    return None


def _about_a_proxy(cause: BaseException, peer: Peer) -> str | None:
    refusal = _proxy_refusal(cause)
    return f"proxy refused: {peer.first} {refusal}" if refusal else None


def _about_closing(cause: BaseException, peer: Peer) -> str | None:
    closed = isinstance(cause, (*_BROKEN_OFF, ssl.SSLEOFError))
    return f"connection closed by {peer.first}" if closed else None


def timed_out(seconds: float, during: str) -> str:
    """Words for a time-out. during: connecting, sending, waiting (for an answer) or reading."""
    return f"timed out after {seconds:g} s while {during}"


def answered(peer: Peer, status: object) -> str:
    """Words for an answer that says no."""
    return f"{peer.name} answered {status}"


def _unexpected(peer: Peer, why: str) -> str:
    return f"unexpected answer from {peer.name}: {why}"


def _why(error: ssl.SSLCertVerificationError) -> str:
    why = _WHY.get(error.verify_code)
    if why is not None:
        return why
    return error.verify_message[:1].lower() + error.verify_message[1:]


def _proxy_refusal(error: BaseException) -> str | None:
    """What a proxy answered instead of a tunnel, such as `answered 407`."""
    if type(error).__name__ == "ProxyError" and str(error)[:3].isdigit():
        return f"answered {str(error)[:3]}"
    if isinstance(error, OSError) and str(error).startswith("Tunnel connection failed: "):
        return f"answered {str(error).removeprefix('Tunnel connection failed: ')[:3]}"
    return None


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error and all that it came from, each once."""
    waiting: list[object] = [error]
    seen: set[int] = set()
    while waiting:
        one = waiting.pop(0)
        if not isinstance(one, BaseException) or id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        if isinstance(one, BaseExceptionGroup):
            waiting += one.exceptions
        # urllib3 keeps what it wraps in `reason`, requests among the arguments.
        waiting += [one.__cause__, one.__context__, getattr(one, "reason", None), *one.args]


def _place(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    return parts.hostname or "", parts.port or DEFAULT_PORTS.get(parts.scheme, 1080)


def _joined(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
