"""The web-config file: TLS, added headers and basic auth, in the format that exporters share.

The format is that of Prometheus' exporter-toolkit (docs/web-configuration.md there). What this
server cannot do is refused rather than passed over, above all where it would weaken security.
No hash, no key and no value of an unknown key is ever part of an error.
"""

import re
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Annotated

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)
from pydantic_core import ErrorDetails

from exporter.settings.errors import SettingsError, printable_key, shown
from exporter.web.tls import TLSConfig, TLSFileError


class WebConfigError(SettingsError):
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
    "NoClientCert": ssl.CERT_NONE,
    "VerifyClientCertIfGiven": ssl.CERT_OPTIONAL,
    "RequireAndVerifyClientCert": ssl.CERT_REQUIRED,
}

# Go's names (crypto/tls, CipherSuites) of what OpenSSL calls otherwise; those of TLS 1.3, which
# are always on, have none.
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
    "TLS_AES_128_GCM_SHA256": None,
    "TLS_AES_256_GCM_SHA384": None,
    "TLS_CHACHA20_POLY1305_SHA256": None,
}

# Costs above need longer for one password than a request may wait for it.
_BCRYPT = re.compile(r"\$2[aby]\$(0[4-9]|1[0-6])\$[./A-Za-z0-9]{53}")

# Known to the format, refused here, with what to do instead.
_UNSUPPORTED = {
    "rate_limit": "limit requests in a proxy",
    "tls_server_config.cert": "use cert_file",
    "tls_server_config.key": "use key_file",
    "tls_server_config.client_ca": "use client_ca_file",
    "tls_server_config.client_allowed_sans": "use a CA of its own for the clients",
    "tls_server_config.curve_preferences": "OpenSSL's own are used",
}

# pydantic's error types in the words of these messages; `{…}` comes from the error's context.
_WORDS = {
    "bool_type": "must be true or false",
    "dict_type": "must be a mapping of names",
    "list_type": "must be a list",
    "model_attributes_type": "must be a mapping of names",
    "model_type": "must be a mapping of names",
    "string_type": "must be a string",
}


def _one_of(value: object, names: tuple[str, ...]) -> object:
    if isinstance(value, str) and value and value not in names:
        raise ValueError(f"must be one of {', '.join(names)}, not {shown(value)}")
    return value


def _choice(*names: str) -> BeforeValidator:
    return BeforeValidator(lambda value: _one_of(value, names))


def _printable(value: str) -> str:
    if not value.isascii() or not value.isprintable():
        raise ValueError("must be printable ASCII")
    return value


def _file_name(value: str) -> str:
    if "\0" in value or not value.isprintable():
        raise ValueError("must be the name of a file")
    return value


def _cipher(value: str) -> str:
    if value not in _CIPHERS:
        raise ValueError(f"holds {shown(value)}, which is not supported")
    return value


def _bcrypt_hash(value: object) -> str:
    if not isinstance(value, str) or not _BCRYPT.fullmatch(value):
        raise ValueError("is not a bcrypt hash of a cost up to 16")
    return value


def _user(name: str) -> str:
    if ":" in name:
        raise ValueError("must have no colon in the name")
    return name


_Text = Annotated[str, AfterValidator(_printable)]
_FileName = Annotated[str, AfterValidator(_file_name)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    @model_validator(mode="before")
    @classmethod
    def _without_nulls(cls, value: object) -> object:
        """A key without a value is one that is not given."""
        if isinstance(value, dict):
            if not all(isinstance(key, str) for key in value):
                raise ValueError("must be a mapping of names")
            return {key: inner for key, inner in value.items() if inner is not None}
        return {} if value is None else value


class _Tls(_Section):
    cert_file: _FileName = ""
    key_file: _FileName = ""
    client_auth_type: Annotated[str, _choice(*_CLIENT_AUTH)] = ""
    client_ca_file: _FileName = ""
    min_version: Annotated[str, _choice(*_TLS_VERSIONS)] = ""
    max_version: Annotated[str, _choice(*_TLS_VERSIONS)] = ""
    cipher_suites: list[Annotated[str, AfterValidator(_cipher)]] = []
    prefer_server_cipher_suites: bool = True


class _Headers(_Section):
    csp: _Text = Field(default="", alias="Content-Security-Policy")
    hsts: _Text = Field(default="", alias="Strict-Transport-Security")
    sniffing: Annotated[_Text, _choice("nosniff")] = Field(
        default="", alias="X-Content-Type-Options"
    )
    frames: Annotated[_Text, _choice("deny", "sameorigin")] = Field(
        default="", alias="X-Frame-Options"
    )
    xss: _Text = Field(default="", alias="X-XSS-Protection")


class _Http(_Section):
    http2: bool = False
    headers: _Headers = _Headers()


class _File(_Section):
    tls_server_config: _Tls = _Tls()
    http_server_config: _Http = _Http()
    basic_auth_users: dict[
        Annotated[str, AfterValidator(_user)], Annotated[str, BeforeValidator(_bcrypt_hash)]
    ] = {}


def load(path: Path) -> WebConfig:
    """The web config in the file at `path`; file names in it are relative to its folder.

    Certificates are loaded once to see that they can be. Raises WebConfigError.
    """
    # Only now: most run without such a file, and a YAML parser costs 3 MiB.
    from exporter.settings.strict_yaml import read_yaml

    try:
        file = _File.model_validate(read_yaml(path))
        tls = _tls(file.tls_server_config, path.parent)
    except ValidationError as error:
        raise WebConfigError(f"{path}: {_complaint(error.errors(include_url=False)[0])}") from None
    except (ValueError, TLSFileError) as error:
        raise WebConfigError(f"{path}: tls_server_config{error}") from None
    except SettingsError as error:
        raise WebConfigError(error.message) from None
    headers = file.http_server_config.headers.model_dump(by_alias=True)
    return WebConfig(
        tls,
        MappingProxyType(file.basic_auth_users),
        MappingProxyType({name: value for name, value in headers.items() if value}),
        tuple(_warnings(file)),
    )


def _complaint(error: ErrorDetails) -> str:
    """One line on what pydantic found first."""
    steps = [step for step in error["loc"] if isinstance(step, str) and step != "[key]"]
    kind = error["type"]
    if kind == "string_type" and error["loc"][-1] == "[key]":
        problem = "must be a mapping of names"
    elif kind == "extra_forbidden":
        hint = _UNSUPPORTED.get(".".join(steps))
        problem = f"is not supported; {hint}" if hint else "is not a setting of this format"
    elif kind == "value_error":
        problem = str(error["ctx"]["error"])
    else:
        problem = _WORDS.get(kind, "cannot be used")
    return f"{'.'.join(map(printable_key, steps)) or 'the file'} {problem}"


def _tls(section: _Tls, folder: Path) -> TLSConfig | None:
    """Raises ValueError, whose text goes on from the section's name, or TLSFileError."""
    if not section.model_dump(exclude_defaults=True):
        return None
    if not section.cert_file or not section.key_file:
        raise ValueError(f".{'key_file' if section.cert_file else 'cert_file'} is missing")
    verify = _CLIENT_AUTH[section.client_auth_type or "NoClientCert"]
    if verify != ssl.CERT_NONE and not section.client_ca_file:
        raise ValueError(".client_ca_file is needed to verify clients")
    if verify == ssl.CERT_NONE and section.client_ca_file:
        raise ValueError(
            ".client_auth_type must be given with client_ca_file, or clients would not be verified"
        )
    minimum = _TLS_VERSIONS[section.min_version or "TLS12"]
    maximum = _TLS_VERSIONS[section.max_version or "TLS13"]
    if minimum > maximum:
        raise ValueError(".min_version is above max_version")
    config = TLSConfig(
        folder / section.cert_file,
        folder / section.key_file,
        folder / section.client_ca_file if section.client_ca_file else None,
        verify,
        minimum,
        maximum,
        ":".join(filter(None, map(_CIPHERS.get, section.cipher_suites))) or None,
        section.prefer_server_cipher_suites,
    )
    try:
        config.context()
    except TLSFileError as error:
        raise TLSFileError(f": {error}") from None
    return config


def _warnings(file: _File) -> Iterator[str]:
    if not file.model_dump(exclude_defaults=True):
        yield "the file sets nothing, so everybody who reaches the address is answered"
    if file.http_server_config.http2:
        yield "http_server_config.http2: only HTTP/1.1 is spoken"
    for name in file.tls_server_config.cipher_suites:
        if _CIPHERS[name] is None:
            yield f"tls_server_config.cipher_suites: {name} is always on, as TLS 1.3 has it"
