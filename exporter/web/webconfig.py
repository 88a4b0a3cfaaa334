"""The web-config file: TLS, added headers and basic auth, in the format that exporters share.

The format is that of Prometheus' exporter-toolkit (docs/web-configuration.md there). What this
server cannot do is refused rather than passed over, above all where it would weaken security.
No hash, no key and no value of an unknown key is ever part of an error.
"""

import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

from exporter.web.tls import TLSConfig, TLSFileError

_T = TypeVar("_T")


class WebConfigError(Exception):
    """The web-config file cannot be used. Its text is one line that names file and setting."""


@dataclass(frozen=True, slots=True)
class WebConfig:
    """What a web-config file says; without one, plain HTTP for everybody.

    tls: None for plain HTTP.
    users: bcrypt hash by user name.
    headers: added to each answer.
    warnings: what was understood but has no effect here, a line each, for the log.
    """

    tls: TLSConfig | None = None
    users: Mapping[str, str] = field(default_factory=dict, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


_TLS_VERSIONS = {
    "TLS10": ssl.TLSVersion.TLSv1,
    "TLS11": ssl.TLSVersion.TLSv1_1,
    "TLS12": ssl.TLSVersion.TLSv1_2,
    "TLS13": ssl.TLSVersion.TLSv1_3,
}

# Go's ClientAuthType, as far as OpenSSL has it: it cannot ask for a certificate and not verify it.
_CLIENT_AUTH = {
    "": ssl.CERT_NONE,
    "NoClientCert": ssl.CERT_NONE,
    "VerifyClientCertIfGiven": ssl.CERT_OPTIONAL,
    "RequireAndVerifyClientCert": ssl.CERT_REQUIRED,
}

# Go's names (crypto/tls, CipherSuites) of what OpenSSL calls otherwise.
_CIPHERS = {
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256": "ECDHE-ECDSA-AES128-GCM-SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384": "ECDHE-ECDSA-AES256-GCM-SHA384",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256": "ECDHE-RSA-AES128-GCM-SHA256",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384": "ECDHE-RSA-AES256-GCM-SHA384",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256": "ECDHE-ECDSA-CHACHA20-POLY1305",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256": "ECDHE-RSA-CHACHA20-POLY1305",
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA": "ECDHE-ECDSA-AES128-SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA": "ECDHE-ECDSA-AES256-SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA": "ECDHE-RSA-AES128-SHA",
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA": "ECDHE-RSA-AES256-SHA",
}
_TLS13_CIPHERS = frozenset(
    {"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"}
)

# The headers that the format knows, and the values that it allows where it is particular.
_HEADERS: Mapping[str, tuple[str, ...]] = {
    "Content-Security-Policy": (),
    "Strict-Transport-Security": (),
    "X-Content-Type-Options": ("nosniff",),
    "X-Frame-Options": ("deny", "sameorigin"),
    "X-XSS-Protection": (),
}

_BCRYPT = re.compile(r"\$2[aby]\$(0[4-9]|[12][0-9]|3[01])\$[./A-Za-z0-9]{53}")

# Known to the format, refused here, with what to do instead.
_UNSUPPORTED = {
    "rate_limit": "limit requests in a proxy",
    "tls_server_config.cert": "use cert_file",
    "tls_server_config.key": "use key_file",
    "tls_server_config.client_ca": "use client_ca_file",
    "tls_server_config.client_allowed_sans": "use a CA of its own for the clients",
    "tls_server_config.curve_preferences": "OpenSSL's own are used",
}


def load(path: Path) -> WebConfig:
    """The web config in the file at `path`; file names in it are relative to its folder.

    Certificates are loaded once to see that they can be. Raises WebConfigError.
    """
    try:
        return _Reader(path).config()
    except TLSFileError as error:
        raise WebConfigError(f"{path}: tls_server_config: {error}") from error


class _Reader:
    """Reads one file, and names it in each complaint."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._warnings: list[str] = []

    def config(self) -> WebConfig:
        known = ("tls_server_config", "http_server_config", "basic_auth_users")
        document = self._section("", self._document(), known)
        http = self._section(
            "http_server_config", document.get("http_server_config"), ("http2", "headers")
        )
        if self._boolean("http_server_config.http2", http.get("http2"), default=False):
            self._warnings.append("http_server_config.http2: only HTTP/1.1 is spoken")
        return WebConfig(
            self._tls(document.get("tls_server_config")),
            self._users(document.get("basic_auth_users")),
            self._headers(http.get("headers")),
            tuple(self._warnings),
        )

    def _document(self) -> object:
        # Only now: most run without such a file, and a YAML parser costs 3 MiB.
        import yaml

        try:
            return yaml.safe_load(self._path.read_text("utf-8"))
        except OSError as error:
            raise WebConfigError(f"{self._path} cannot be read: {error.strerror}") from error
        except UnicodeDecodeError as error:
            raise WebConfigError(f"{self._path} is not UTF-8") from error
        except yaml.YAMLError as error:
            # Its own text quotes the file, secrets included.
            mark = getattr(error, "problem_mark", None)
            place = f" at line {mark.line + 1}" if mark is not None else ""
            raise WebConfigError(f"{self._path} is not YAML{place}") from error

    def _error(self, setting: str, problem: str) -> WebConfigError:
        return WebConfigError(f"{self._path}: {setting or 'the file'} {problem}")

    def _section(self, name: str, value: object, known: tuple[str, ...]) -> dict[str, Any]:
        mapping = self._mapping(name, value)
        for key in mapping:
            setting = f"{name}.{key}" if name else key
            if setting in _UNSUPPORTED:
                raise self._error(setting, f"is not supported; {_UNSUPPORTED[setting]}")
            if key not in known:
                raise self._error(setting, "is no setting of the web-config format")
        return mapping

    def _mapping(self, name: str, value: object) -> dict[str, Any]:
        if value is None:
            return {}
        if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
            raise self._error(name, "must be a mapping of names")
        return value

    def _string(self, setting: str, value: object) -> str:
        if value is None:
            return ""
        if not isinstance(value, str):
            raise self._error(setting, "must be a string")
        return value

    def _boolean(self, setting: str, value: object, *, default: bool) -> bool:
        if value is None:
            return default
        if not isinstance(value, bool):
            raise self._error(setting, "must be true or false")
        return value

    def _choice(self, setting: str, value: object, choices: Mapping[str, _T]) -> _T:
        text = self._string(setting, value)
        if text not in choices:
            allowed = ", ".join(filter(None, choices))
            raise self._error(setting, f"must be one of {allowed}, not {text!r}")
        return choices[text]

    def _tls(self, value: object) -> TLSConfig | None:
        name = "tls_server_config"
        tls = self._section(
            name,
            value,
            (
                "cert_file",
                "key_file",
                "client_auth_type",
                "client_ca_file",
                "min_version",
                "max_version",
                "cipher_suites",
                "prefer_server_cipher_suites",
            ),
        )
        if not any(tls.values()):
            return None
        cert, key, ca = (
            self._file(f"{name}.{setting}", tls.get(setting))
            for setting in ("cert_file", "key_file", "client_ca_file")
        )
        if cert is None or key is None:
            raise self._error(f"{name}.{'key_file' if cert else 'cert_file'}", "is missing")
        verify = self._choice(f"{name}.client_auth_type", tls.get("client_auth_type"), _CLIENT_AUTH)
        if verify != ssl.CERT_NONE and ca is None:
            raise self._error(f"{name}.client_ca_file", "is needed to verify clients")
        if verify == ssl.CERT_NONE and ca is not None:
            problem = "must be given with client_ca_file, or clients would not be verified"
            raise self._error(f"{name}.client_auth_type", problem)
        minimum = self._choice(
            f"{name}.min_version", tls.get("min_version") or "TLS12", _TLS_VERSIONS
        )
        maximum = self._choice(
            f"{name}.max_version", tls.get("max_version") or "TLS13", _TLS_VERSIONS
        )
        if minimum > maximum:
            raise self._error(f"{name}.min_version", "is above max_version")
        config = TLSConfig(
            cert,
            key,
            ca,
            verify,
            minimum,
            maximum,
            self._ciphers(f"{name}.cipher_suites", tls.get("cipher_suites")),
            self._boolean(
                f"{name}.prefer_server_cipher_suites",
                tls.get("prefer_server_cipher_suites"),
                default=True,
            ),
        )
        config.context()
        return config

    def _file(self, setting: str, value: object) -> Path | None:
        text = self._string(setting, value)
        return self._path.parent / text if text else None

    def _ciphers(self, setting: str, value: object) -> str | None:
        if not value:
            return None
        if not isinstance(value, list):
            raise self._error(setting, "must be a list")
        chosen = []
        for name in value:
            if name in _TLS13_CIPHERS:
                self._warnings.append(f"{setting}: {name} is always on, as TLS 1.3 has it")
            elif name in _CIPHERS:
                chosen.append(_CIPHERS[name])
            else:
                raise self._error(setting, f"holds {name!r}, which is not supported")
        return ":".join(chosen) or None

    def _users(self, value: object) -> Mapping[str, str]:
        users = self._mapping("basic_auth_users", value)
        for user, hashed in users.items():
            if not isinstance(hashed, str) or not _BCRYPT.fullmatch(hashed):
                raise self._error(f"basic_auth_users.{user}", "is no bcrypt hash")
            if ":" in user:
                raise self._error(f"basic_auth_users.{user}", "must have no colon in the name")
        return MappingProxyType(users)

    def _headers(self, value: object) -> Mapping[str, str]:
        headers: dict[str, str] = {}
        for name, given in self._mapping("http_server_config.headers", value).items():
            setting = f"http_server_config.headers.{name}"
            if name not in _HEADERS:
                raise self._error(setting, "is no header that may be set")
            text = self._string(setting, given)
            if not text.isascii() or not text.isprintable():
                raise self._error(setting, "must be printable ASCII")
            if text and _HEADERS[name] and text not in _HEADERS[name]:
                raise self._error(setting, f"must be one of {', '.join(_HEADERS[name])}")
            if text:
                headers[name] = text
        return MappingProxyType(headers)
