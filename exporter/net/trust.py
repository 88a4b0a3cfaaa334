"""Which certificates are trusted, read again whenever their files change.

One `Trust` serves all connections to one kind of peer: its `context` is what HTTP libraries are
given, and each handshake goes by the files as they are then. A file that is missing is warned of
and looked for again at each handshake; one that becomes unreadable leaves what was last read in
use. SSLKEYLOGFILE is not obeyed: no variable may write down what decrypts a key's connection.
"""

import re
import ssl
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Lock
from typing import Any, Final

from exporter.log import get_logger

_log = get_logger(__name__)

_CERTIFICATE: Final = re.compile(
    rb"-----BEGIN (?P<kind>(?:TRUSTED |X509 )?CERTIFICATE)-----.*?-----END (?P=kind)-----",
    re.DOTALL,
)
_LARGEST_BYTES: Final = 16 << 20

_Stamp = tuple[tuple[str, int, int, int], ...]


class CertificateFileError(OSError):
    """A client certificate or its key cannot be used. The text is one line that names the files."""


@dataclass(slots=True)
class _Source:
    """One place of certificates: a file, or folders as `SSL_CERT_DIR` lists them.

    pem: what was last read there. problem: why it cannot be read now; None where it can.
    """

    setting: str
    paths: tuple[Path, ...]
    folders: bool = False
    pem: bytes = b""
    problem: str | None = None

    def files(self) -> list[Path]:
        """The files as they are now. Raises OSError."""
        if not self.folders:
            return list(self.paths)
        return sorted(file for path in self.paths for file in path.iterdir() if file.is_file())

    def read(self) -> None:
        """Take what is there now, or note why that cannot be."""
        try:
            pem = b"\n".join(_certificates(self.files()))
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(
                cadata=pem.decode("ascii")
            )
        except (ssl.SSLError, ValueError):
            self._note("holds no certificate in PEM format, or a broken one")
        except OSError as error:
            self._note(f"cannot be read: {error.strerror}")
        else:
            self.pem = pem
            self.problem = None

    def _note(self, why: str) -> None:
        place = ":".join(map(str, self.paths))
        kept = "; what it held before stays trusted" if self.pem else ""
        self.problem = f"{self.setting}: {place} {why}{kept}"


@dataclass(frozen=True, slots=True)
class ClientCertificate:
    """What we show to a peer that asks; key None: in the same file."""

    certificate: Path
    key: Path | None = None


@dataclass(eq=False)
class Trust:
    """Trusted certificates, and our own where a peer wants one. Safe to use from any thread.

    sources: where to read; empty: nothing but certifi's list is trusted.
    context: to be given to whatever makes connections.
    """

    sources: Sequence[_Source] = ()
    client: ClientCertificate | None = None
    context: ssl.SSLContext = field(init=False)
    _lock: Lock = field(default_factory=Lock, init=False)
    _current: ssl.SSLContext | None = field(default=None, init=False)
    _seen: _Stamp | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self.context = _Following(self)

    @property
    def problems(self) -> tuple[str, ...]:
        """What cannot be read now: a line for each, which names the setting and the file."""
        return tuple(source.problem for source in self.sources if source.problem is not None)

    def current(self) -> ssl.SSLContext:
        """A context by the files as they are now; the same one as long as they do not change.

        Raises CertificateFileError.
        """
        with self._lock:
            stamp = self._stamp()
            if self._current is None or stamp != self._seen:
                before = self.problems
                for source in self.sources:
                    source.read()
                if self._current is not None:
                    _log.info("certificates_reread", settings=[one.setting for one in self.sources])
                for problem in self.problems:
                    if problem not in before:
                        _log.warning("certificates_unreadable", reason=problem)
                self._current = self._make()
                self._seen = stamp
            return self._current

    def with_client(self, client: ClientCertificate) -> "Trust":
        """The same trust, for peers that want to see our own certificate."""
        return Trust([replace(source) for source in self.sources], client)

    def pem(self) -> bytes | None:
        """All trusted certificates, for a library that wants them so; None: its own list."""
        self.current()
        return b"\n".join(one.pem for one in self.sources) if self.sources else None

    def changed(self, since: object) -> bool:
        """Whether `stamp` gave something else than that before."""
        return self.stamp() != since

    def stamp(self) -> object:
        """What tells one state of the files from another."""
        return self._stamp()

    def _stamp(self) -> _Stamp:
        found: list[tuple[str, int, int, int]] = []
        own = () if self.client is None else (self.client.certificate, self.client.key)
        files = [path for path in own if path is not None]
        for source in self.sources:
            try:
                files += source.files()
            except OSError:
                continue
        for file in files:
            try:
                stat = file.stat()
            except OSError:
                continue
            found.append((str(file), stat.st_mtime_ns, stat.st_ino, stat.st_size))
        return tuple(found)

    def _make(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.set_alpn_protocols(["http/1.1"])
        if sys.version_info >= (3, 13):
            # As ssl.create_default_context does from there on.
            context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN | ssl.VERIFY_X509_STRICT
        if not self.sources:
            import certifi

            context.load_verify_locations(cafile=certifi.where())
        for source in self.sources:
            if source.pem:
                context.load_verify_locations(cadata=source.pem.decode("ascii"))
        if self.client is not None:
            self._load_own(context, self.client)
        return context

    def _load_own(self, context: ssl.SSLContext, own: ClientCertificate) -> None:
        try:
            # Without a password OpenSSL would ask for one on the terminal, and wait.
            context.load_cert_chain(own.certificate, own.key, password="")
        except (ssl.SSLError, ValueError) as error:
            problem = f"{_named(own)} are not a certificate with its key"
            raise CertificateFileError(problem) from error
        except OSError as error:
            raise CertificateFileError(f"{_named(own)} cannot be read: {error.strerror}") from error


def _named(own: ClientCertificate) -> str:
    return f"client certificate {own.certificate}" + (f" and {own.key}" if own.key else "")


class _Following(ssl.SSLContext):
    """A context for libraries to hold on to: each handshake is the newest context's."""

    def __new__(cls, trust: Trust) -> "_Following":
        return super().__new__(cls, ssl.PROTOCOL_TLS_CLIENT)

    def __init__(self, trust: Trust) -> None:
        self._trust = trust

    def wrap_bio(self, *args: Any, **options: Any) -> ssl.SSLObject:
        return self._trust.current().wrap_bio(*args, **options)

    def wrap_socket(self, *args: Any, **options: Any) -> ssl.SSLSocket:
        return self._trust.current().wrap_socket(*args, **options)


def read_trust(environ: Mapping[str, str], ca_file: Path | None = None) -> Trust:
    """What an environment and `tls.ca_file` say.

    SSL_CERT_FILE and SSL_CERT_DIR take the place of certifi's list; `tls.ca_file` is trusted
    besides what they, or that, hold. Reads nothing yet.
    """
    sources: list[_Source] = []
    if file := environ.get("SSL_CERT_FILE"):
        sources.append(_Source("SSL_CERT_FILE", (Path(file),)))
    if folders := environ.get("SSL_CERT_DIR"):
        paths = tuple(Path(folder) for folder in folders.split(":") if folder)
        sources.append(_Source("SSL_CERT_DIR", paths, folders=True))
    if ca_file is not None:
        if not sources:
            import certifi

            sources.append(_Source("certifi", (Path(certifi.where()),)))
        sources.append(_Source("tls.ca_file", (ca_file,)))
    return Trust(sources)


def only(setting: str, file: Path, client: ClientCertificate | None = None) -> Trust:
    """Trust in the certificates of one file, which a setting or variable names."""
    return Trust([_Source(setting, (file,))], client)


def _certificates(files: Sequence[Path]) -> list[bytes]:
    """Each certificate in the files once, as PEM. Raises OSError."""
    found: dict[bytes, None] = {}
    for path in files:
        with path.open("rb") as file:
            content = file.read(_LARGEST_BYTES)
        found |= dict.fromkeys(match[0] for match in _CERTIFICATE.finditer(content))
    return list(found)
