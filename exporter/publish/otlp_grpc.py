"""Why a push over gRPC failed, in the words that are used for every other connection.

gRPC tells it in sentences of its own. They are read here, and become the errors that Python raises
in such a case, so that `describe` has the words for all. Unlike gRPC's sentences, those name who
was asked, and what to look at.
"""

import errno
import os
import re
import socket
import ssl
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from exporter.net.failures import Peer, UnexpectedAnswerError, answered, describe, timed_out

if TYPE_CHECKING:
    import grpc  # type: ignore[import-untyped]  # it has no types

_SYSTEM: Final = {os.strerror(number): number for number in errno.errorcode}
_VERIFY: Final = {
    "certificate is not yet valid": 9,
    "certificate has expired": 10,
    "self signed certificate": 18,
    "self-signed certificate": 18,
    "self signed certificate in certificate chain": 19,
    "self-signed certificate in certificate chain": 19,
    "unable to get local issuer certificate": 20,
    "unable to verify the first certificate": 21,
}
"""OpenSSL's X509_V_ERR_ numbers by BoringSSL's words."""

_HOSTNAME_MISMATCH: Final = 62
_REFUSED_CERTIFICATE: Final = re.compile(r"CERTIFICATE_VERIFY_FAILED: (?P<why>.*?)(: OK)?$")
_HANDSHAKE: Final = re.compile(r"Tls handshake failed.*?:SSL routines:\w+:(?P<reason>[A-Z0-9_]+)")
_PROXY: Final = re.compile(r"HTTP proxy returned response code (?P<status>\d{3})")
_HTTP_STATUS: Final = re.compile(r"http2 header with status: (?P<status>\d{3})")
_SYSTEM_ERROR: Final = re.compile(r": (?P<said>[A-Z][A-Za-z ]+)(\]|$)")


def grpc_failure(error: "grpc.RpcError", peer: Peer, seconds: float) -> str:
    """Why a call failed, in a few words. seconds: what it was given."""
    code, details = error.code().name, str(error.details() or "")
    if code == "DEADLINE_EXCEEDED":
        return timed_out(seconds, "waiting")
    if match := _HTTP_STATUS.search(details):
        return answered(peer, match["status"])
    cause = _cause(details)
    return answered(peer, code) if cause is None else describe(cause, peer)


def _cause(details: str) -> Exception | None:
    """What Python would have raised; None for an answer of the other side."""
    if match := _REFUSED_CERTIFICATE.search(details):
        return _refused(_VERIFY.get(match["why"], 1), match["why"])
    if "Hostname Verification Check failed" in details:
        return _refused(_HOSTNAME_MISMATCH, "hostname mismatch")
    if match := _HANDSHAKE.search(details):
        failed = ssl.SSLError(1, "handshake")
        failed.reason = match["reason"]
        return failed
    if match := _PROXY.search(details):
        return OSError(f"Tunnel connection failed: {match['status']}")
    if "address lookup failed" in details:
        return socket.gaierror()
    if "HTTP/2" in details:
        return UnexpectedAnswerError("not gRPC")
    if "Socket closed" in details or "Connection reset" in details:
        return ConnectionResetError()
    match = _SYSTEM_ERROR.search(details)
    number = None if match is None else _SYSTEM.get(match["said"])
    return None if number is None else OSError(number, os.strerror(number))


def _refused(number: int, words: str) -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(1, words)
    # Python sets them so itself.
    error.verify_code, error.verify_message = number, words
    return error


class NotedCalls:
    """A stub, of which each failure is noted before it is raised. note: told the error."""

    def __init__(self, stub: Any, note: Callable[["grpc.RpcError"], None]) -> None:
        self._stub = stub
        self._note = note

    def Export(self, *args: Any, **options: Any) -> Any:  # noqa: N802 - the protocol's name
        """As the stub's. Raises grpc.RpcError."""
        import grpc

        try:
            return self._stub.Export(*args, **options)
        except grpc.RpcError as error:
            self._note(error)
            raise
