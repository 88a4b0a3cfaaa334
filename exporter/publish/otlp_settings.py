"""What the standard `OTEL_*` variables ask for, read from the environment that is passed in.

A bad value is warned about and its default used, never a reason to end: the OpenTelemetry
specification asks for that ("Environment Variable Specification", Parsing empty value, Enum,
Numeric). An empty variable is unset. Values are read here and handed to the SDK's exporter
explicitly, because the SDK reads time-outs as seconds where the specification has milliseconds.
Nothing here imports OpenTelemetry, opens a connection or puts a value that may be secret in a
message.
"""

import re
import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Protocol = Literal["http/protobuf", "grpc"]

SERVICE_NAME = "isnotai-exporter"
INTERVAL_SECONDS = 60.0
EXPORT_TIMEOUT_SECONDS = 30.0
REQUEST_TIMEOUT_SECONDS = 10.0

FINDINGS_SECONDS = 5.0
"""How often findings are sent, unless OTEL_BLRP_SCHEDULE_DELAY says otherwise."""

Signal = Literal["metrics", "logs"]
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9a-z-]+")
_HEADER_VALUE = re.compile(r"[\t\x20-\x7e]*")
_BARE_TARGET = re.compile(r"[^\s/@]+:\d{1,5}")


class UnreadConfigError(Exception):
    """OTEL_CONFIG_FILE says how to push, and it is not read."""

    def __init__(self) -> None:
        super().__init__(
            "OTEL_CONFIG_FILE: the declarative configuration is not read; unset it and set "
            "OTEL_EXPORTER_OTLP_ENDPOINT and its like, or OTEL_SDK_DISABLED=true for no push"
        )


@dataclass(frozen=True, slots=True)
class OtlpWarning:
    """A variable that is not obeyed, and why. `message` never holds a secret."""

    variable: str
    message: str


@dataclass(frozen=True, slots=True)
class OtlpSettings:
    """How to push. Times are in seconds.

    endpoint: for HTTP the whole URL of the metrics path; for gRPC `host:port`. It may hold
        credentials (HTTP: user and password, query); `shown` is the same without them.
    secrets: what must never be printed: header values and the endpoint's credentials.
    certificate, client_key, client_certificate: paths of PEM files.
    insecure: gRPC without TLS.
    timeout: of one request, the SDK's retries included. export_timeout: of one whole export.
    resource: attributes that the user set, service.name included.
    signal: what is sent there.
    """

    protocol: Protocol
    endpoint: str = field(repr=False)
    shown: str
    headers: Mapping[str, str] = field(repr=False)
    secrets: tuple[str, ...] = field(repr=False)
    insecure: bool
    timeout: float
    gzip: bool
    certificate: str | None
    client_key: str | None
    client_certificate: str | None
    interval: float
    export_timeout: float
    resource: Mapping[str, str]
    signal: Signal = "metrics"


def read_otlp(
    environ: Mapping[str, str], signal: Signal = "metrics"
) -> tuple[OtlpSettings | None, tuple[OtlpWarning, ...]]:
    """The settings, or None where the push is off, and what is to be warned about.

    Raises UnreadConfigError: the specification lets that file replace all other variables, so
    that whatever they said would be half of what was meant.
    """
    variables = _Variables(environ, signal)
    if variables.get("OTEL_CONFIG_FILE") is not None and not variables.disabled():
        raise UnreadConfigError
    return _read(variables), tuple(variables.warnings)


def _read(variables: "_Variables") -> OtlpSettings | None:
    protocol = variables.protocol()
    endpoint = variables.endpoint(protocol)
    # Complaints about the rest would be noise while nobody asked for a push.
    if endpoint is None or variables.disabled() or not variables.otlp_chosen():
        return None
    if variables.signal == "metrics":
        variables.warn_of_refused()
        pace, longest, usual = (
            "OTEL_METRIC_EXPORT_INTERVAL",
            "OTEL_METRIC_EXPORT_TIMEOUT",
            INTERVAL_SECONDS,
        )
    else:
        pace, longest, usual = (
            "OTEL_BLRP_SCHEDULE_DELAY",
            "OTEL_BLRP_EXPORT_TIMEOUT",
            FINDINGS_SECONDS,
        )
    headers = variables.headers()
    target, shown, secrets, secure = _target(endpoint, protocol)
    return OtlpSettings(
        protocol=protocol,
        endpoint=target,
        shown=shown,
        headers=headers,
        secrets=(*_header_secrets(headers), *secrets),
        insecure=variables.insecure() if secure is None else not secure,
        timeout=variables.milliseconds("TIMEOUT", REQUEST_TIMEOUT_SECONDS, otlp=True),
        gzip=variables.gzip(),
        certificate=variables.otlp("CERTIFICATE")[1],
        client_key=variables.otlp("CLIENT_KEY")[1],
        client_certificate=variables.otlp("CLIENT_CERTIFICATE")[1],
        interval=variables.milliseconds(pace, usual),
        export_timeout=variables.milliseconds(longest, EXPORT_TIMEOUT_SECONDS),
        resource=variables.resource(),
        signal=variables.signal,
    )


class _Variables:
    """The variables, with a note of each that is not obeyed."""

    def __init__(self, environ: Mapping[str, str], signal: Signal) -> None:
        self._environ = environ
        self.signal = signal
        self.warnings: list[OtlpWarning] = []

    def _warn(self, variable: str, message: str) -> None:
        self.warnings.append(OtlpWarning(variable, message))

    def get(self, name: str) -> str | None:
        return self._environ.get(name, "").strip() or None

    def otlp(self, name: str) -> tuple[str, str | None]:
        """The variable that decides, and its value: that for the signal before the general one."""
        own = f"OTEL_EXPORTER_OTLP_{self.signal.upper()}_{name}"
        value = self.get(own)
        if value is not None:
            return own, value
        general = f"OTEL_EXPORTER_OTLP_{name}"
        return general, self.get(general)

    def disabled(self) -> bool:
        return self._boolean("OTEL_SDK_DISABLED")

    def _boolean(self, variable: str) -> bool:
        """Only `true`, in any case, is true."""
        value = (self.get(variable) or "false").lower()
        if value not in ("true", "false"):
            self._warn(variable, f"must be true or false, not {value!r}; read as false")
        return value == "true"

    def otlp_chosen(self) -> bool:
        """Whether OTEL_METRICS_EXPORTER, or that for logs, leaves room for OTLP; unset, it does."""
        variable = f"OTEL_{self.signal.upper()}_EXPORTER"
        names = {name.strip() for name in (self.get(variable) or "otlp").lower().split(",")}
        for name in sorted(names - {"otlp", "none", "prometheus", ""}):
            self._warn(variable, f"{name!r} is not supported: otlp and none are")
        if names & {"none", "prometheus"}:
            return "otlp" in names
        return True

    def protocol(self) -> Protocol:
        variable, value = self.otlp("PROTOCOL")
        if value == "grpc":
            return "grpc"
        if value not in (None, "http/protobuf"):
            message = f"must be http/protobuf or grpc, not {value!r}; http/protobuf is used"
            self._warn(variable, message)
        return "http/protobuf"

    def endpoint(self, protocol: Protocol) -> str | None:
        """The endpoint as it stands, the general one with the signal's path where HTTP needs it."""
        own = f"OTEL_EXPORTER_OTLP_{self.signal.upper()}_ENDPOINT"
        for variable in (own, "OTEL_EXPORTER_OTLP_ENDPOINT"):
            value = self.get(variable)
            if value is None:
                continue
            problem = _endpoint_problem(value, protocol)
            if problem is not None:
                self._warn(variable, f"{problem}; it is ignored")
                continue
            if protocol == "http/protobuf":
                url = urllib.parse.urlsplit(value)
                general = variable == "OTEL_EXPORTER_OTLP_ENDPOINT"
                path = url.path.rstrip("/") + f"/v1/{self.signal}" if general else url.path or "/"
                return url._replace(path=path, fragment="").geturl()
            return value
        return None

    def insecure(self) -> bool:
        return self._boolean(self.otlp("INSECURE")[0])

    def headers(self) -> dict[str, str]:
        """Header values by lower-case name; both sides may be percent-encoded, as in Baggage."""
        variable, text = self.otlp("HEADERS")
        headers = {}
        for place, item in enumerate((text or "").split(","), start=1):
            if not item.strip():
                continue
            name, equals, value = (
                urllib.parse.unquote(part.strip()) for part in item.partition("=")
            )
            if not equals or not _HEADER_NAME.fullmatch(name.lower()):
                self._warn(variable, f"entry {place} is not name=value; it is left out")
            elif not _HEADER_VALUE.fullmatch(value):
                self._warn(variable, f"entry {place} cannot be a header; it is left out")
            else:
                headers[name.lower()] = value
        return headers

    def gzip(self) -> bool:
        variable, value = self.otlp("COMPRESSION")
        if value not in (None, "gzip", "none"):
            self._warn(variable, f"must be gzip or none, not {value!r}; nothing is compressed")
        return value == "gzip"

    def milliseconds(self, name: str, default: float, *, otlp: bool = False) -> float:
        """A duration in seconds, from a variable in whole milliseconds."""
        variable, value = self.otlp(name) if otlp else (name, self.get(name))
        if value is None:
            return default
        if not value.isascii() or not value.isdigit() or not 0 < len(value) <= 12 or not int(value):
            message = f"must be milliseconds above 0, not {value!r}; {default * 1000:.0f} is used"
            self._warn(variable, message)
            return default
        return int(value) / 1000

    def resource(self) -> dict[str, str]:
        """The attributes; one that cannot be read discards all ("Resource SDK", environment)."""
        variable = "OTEL_RESOURCE_ATTRIBUTES"
        attributes: dict[str, str] = {}
        for place, item in enumerate((self.get(variable) or "").split(","), start=1):
            if not item.strip():
                continue
            name, equals, value = (part.strip() for part in item.partition("="))
            try:
                decoded = urllib.parse.unquote(value, errors="strict")
            except UnicodeDecodeError:
                decoded, equals = "", ""
            if not equals or not name:
                self._warn(variable, f"entry {place} is not name=value; the variable is ignored")
                attributes.clear()
                break
            attributes[name] = decoded
        name = self.get("OTEL_SERVICE_NAME") or attributes.get("service.name") or SERVICE_NAME
        return {**attributes, "service.name": name}

    def warn_of_refused(self) -> None:
        """Warn of variables that ask for what is not done."""
        variable = "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE"
        value = self.get(variable)
        if value is not None and value.lower() != "cumulative":
            message = (
                f"{value!r} is refused: all numbers are cumulative, so that they survive a restart"
            )
            self._warn(variable, message)
        variable = "OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION"
        value = self.get(variable)
        if value is not None and value.lower() != "explicit_bucket_histogram":
            self._warn(variable, f"{value!r} is refused: histograms keep their explicit buckets")


def _endpoint_problem(value: str, protocol: Protocol) -> str | None:
    """What is wrong with an endpoint, without quoting it: it may hold credentials."""
    if protocol == "grpc" and _BARE_TARGET.fullmatch(value):
        return None
    try:
        url = urllib.parse.urlsplit(value)
        port = url.port
    except ValueError:
        return "is not a URL"
    if url.scheme not in ("http", "https"):
        return "must begin with http:// or https://"
    if not url.hostname or port == 0 or any(char.isspace() for char in value):
        return "must be a URL with a host"
    return None


def _target(endpoint: str, protocol: Protocol) -> tuple[str, str, tuple[str, ...], bool | None]:
    """What to connect to, the same to be shown, its secrets, and whether its scheme means TLS."""
    if "://" not in endpoint:
        return endpoint, endpoint, (), None
    url = urllib.parse.urlsplit(endpoint)
    bare = url.netloc.rpartition("@")[2]
    shown = url._replace(netloc=bare, query="", fragment="").geturl()
    # A user without a password is a token; beside one it is only a name.
    found = {part for part in (url.password or url.username, url.query) if part}
    found |= {urllib.parse.unquote(part) for part in found}
    found |= {value for _, value in urllib.parse.parse_qsl(url.query)}
    secrets = tuple(sorted(found))
    if protocol == "grpc":
        port = "" if url.port else (":443" if url.scheme == "https" else ":80")
        return bare + port, shown, secrets, url.scheme == "https"
    return endpoint, shown, secrets, url.scheme == "https"


def _header_secrets(headers: Mapping[str, str]) -> tuple[str, ...]:
    """Header values, and what stands behind a scheme such as `Bearer`."""
    found = set(headers.values()) | {value.rpartition(" ")[2] for value in headers.values()}
    return tuple(sorted(found - {""}))
