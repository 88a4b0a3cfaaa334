"""TLS for the listening side: what the web-config file asks of it, and renewal without restart.

Certificate, key and client CA are read again when one of the files changed, at the next
handshake, as cert-manager and the like expect. A pair that cannot be loaded, such as one that is
half written, leaves the old one in use. Private keys are never logged nor kept outside OpenSSL.
"""

import ssl
import stat
from dataclasses import dataclass
from pathlib import Path

from exporter.log import get_logger

_log = get_logger(__name__)

_Stamp = tuple[tuple[int, int, int], ...]


class TLSFileError(Exception):
    """A certificate, key or CA file cannot be used. Its text is one line that names the file."""


@dataclass(frozen=True, slots=True)
class TLSConfig:
    """What `tls_server_config` says. `ciphers` is an OpenSSL list for TLS up to 1.2."""

    cert_file: Path
    key_file: Path
    client_ca_file: Path | None = None
    verify_mode: ssl.VerifyMode = ssl.CERT_NONE
    minimum_version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_2
    maximum_version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3
    ciphers: str | None = None
    prefer_server_ciphers: bool = True

    @property
    def files(self) -> tuple[Path, ...]:
        own = (self.cert_file, self.key_file)
        return own if self.client_ca_file is None else (*own, self.client_ca_file)

    def context(self) -> ssl.SSLContext:
        """A context with the files as they are now. Raises TLSFileError where one is unusable."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = self.minimum_version
        context.maximum_version = self.maximum_version
        context.verify_mode = self.verify_mode
        if not self.prefer_server_ciphers:
            context.options &= ~ssl.OP_CIPHER_SERVER_PREFERENCE
        if self.ciphers is not None:
            context.set_ciphers(self.ciphers)
        context.set_alpn_protocols(["http/1.1"])
        for path in self.files:
            _check_readable(path)
        try:
            # Without a password OpenSSL would ask for one on the terminal, and wait.
            context.load_cert_chain(self.cert_file, self.key_file, password="")
        except (ssl.SSLError, ValueError) as error:
            pair = f"{self.cert_file} and {self.key_file}"
            raise TLSFileError(
                f"{pair} are not a certificate with its key: {_why(error)}"
            ) from error
        if self.client_ca_file is not None:
            try:
                context.load_verify_locations(self.client_ca_file)
            except ssl.SSLError as error:
                problem = f"{self.client_ca_file} holds no CA certificates: {_why(error)}"
                raise TLSFileError(problem) from error
        return context


class RenewedContext:
    """A context that follows its files.

    Each change makes a new context, and each connection is accepted with the newest. So no TLS
    session of an older one can be resumed, such as that of a client whose CA was replaced.
    Raises TLSFileError where the files are unusable at the start.
    """

    def __init__(self, config: TLSConfig) -> None:
        self._config = config
        self._seen = self._stamp()
        self._failed: _Stamp | None = None
        self._current = config.context()

    def current(self) -> ssl.SSLContext:
        """The context for the next connection: of the files as they are, or were while they could
        be used."""
        stamp = self._stamp()
        if stamp not in (self._seen, self._failed):
            self._renew(stamp)
        return self._current

    def _renew(self, stamp: _Stamp | None) -> None:
        try:
            self._current = self._config.context()
        except TLSFileError as error:
            self._failed = stamp
            _log.warning("certificate_not_renewed", reason=str(error))
        else:
            self._seen, self._failed = stamp, None
            _log.info("certificate_renewed", cert_file=str(self._config.cert_file))

    def _stamp(self) -> _Stamp | None:
        """What tells one state of the files from another; None while one is missing."""
        try:
            stats = [path.stat() for path in self._config.files]
        except OSError:
            return None
        return tuple((stat.st_mtime_ns, stat.st_ino, stat.st_size) for stat in stats)


def _check_readable(path: Path) -> None:
    try:
        mode = path.stat().st_mode
        if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
            # A pipe that nobody writes to would hold the process, and /dev/zero never ends.
            raise TLSFileError(f"{path} is not a file")
        with path.open("rb"):
            pass
    except OSError as error:
        raise TLSFileError(f"{path} cannot be read: {error.strerror}") from error


def _why(error: Exception) -> str:
    """OpenSSL's reason in words, without the place in its source."""
    reason = getattr(error, "reason", None)
    return str(reason).replace("_", " ").lower() if reason else type(error).__name__
