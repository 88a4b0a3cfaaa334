"""The daemon as a command: settings, log, exit code."""

import asyncio
from collections.abc import Callable, Iterable, Mapping

from exporter import longlived
from exporter.commands.command import Line
from exporter.daemon import Daemon
from exporter.ledger.engine import ForeignStateError
from exporter.ledger.filelock import StateLockedError
from exporter.log import configure, flush, get_logger, install_excepthook
from exporter.publish.otlp_settings import (
    OtlpSettings,
    OtlpWarning,
    Signal,
    UnreadConfigError,
    read_otlp,
)
from exporter.settings.errors import SettingsError
from exporter.settings.load import Loaded, load_parsed
from exporter.settings.model import Settings
from exporter.terminal import complain
from exporter.web.address import AddressError
from exporter.web.webconfig import WebConfigError

EXIT_CODES: tuple[tuple[type[Exception], int], ...] = (
    (WebConfigError, 2),
    (ForeignStateError, 2),
    (AddressError, 1),
    (StateLockedError, 1),
)
"""What ends the daemon, with its exit code: 2 for what the user wrote, 1 for the circumstances."""

_log = get_logger(__name__)


def run(line: Line) -> int:
    """Run until a signal; the exit code. Raises SettingsError."""
    loaded = load_parsed(line.flags, line.environ)

    def reload() -> Settings:
        nonlocal loaded
        loaded = load_parsed(line.flags, line.environ)
        report(loaded)
        return loaded.settings

    prepare(loaded)
    # A copy: what is read here is withheld from the SDK, and a reload reads it again.
    environ = dict(line.environ)
    return serve(
        Daemon(
            loaded.settings,
            reload,
            otlp=lambda: push_settings(environ),
            origins=lambda: loaded.origins,
            findings=lambda settings: findings_settings(settings, environ),
            on_built=lambda reloaded: longlived.set_apart(anew=reloaded),
        )
    )


def push_settings(environ: Mapping[str, str]) -> OtlpSettings | None:
    """What the OTEL variables ask for, after a log line for each that is not obeyed.

    Raises SettingsError where the packages of the protocol are missing, or OTEL_CONFIG_FILE is set.
    """
    settings, warnings = _read(environ, "metrics")
    _report_otlp(warnings)
    return None if settings is None else _usable(settings)


def findings_settings(settings: Settings, environ: Mapping[str, str]) -> OtlpSettings | None:
    """Where findings are sent, if they are on. Raises SettingsError, also without an endpoint."""
    if not settings.otlp.findings:
        return None
    otlp, warnings = _read(environ, "logs")
    told = _read(environ, "metrics")[1]
    _report_otlp([warning for warning in warnings if warning not in told])
    if otlp is None:
        raise SettingsError(
            "otlp.findings: nothing says where to send them: set OTEL_EXPORTER_OTLP_ENDPOINT or "
            "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT, and neither OTEL_SDK_DISABLED nor "
            "OTEL_LOGS_EXPORTER against it"
        )
    return _usable(otlp)


def _read(
    environ: Mapping[str, str], signal: Signal
) -> tuple[OtlpSettings | None, tuple[OtlpWarning, ...]]:
    try:
        return read_otlp(environ, signal)
    except UnreadConfigError as error:
        raise SettingsError(str(error)) from None


def _report_otlp(warnings: Iterable[OtlpWarning]) -> None:
    for warning in warnings:
        _log.warning("setting_warning", setting=warning.variable, message=warning.message)


def _usable(settings: OtlpSettings) -> OtlpSettings:
    """The settings, if the packages that they need are there; their secrets are known from now."""
    # Imported only where it is used: OpenTelemetry costs memory.
    from exporter.publish import otlp_client

    try:
        otlp_client.prepare(settings)
    except otlp_client.GrpcMissingError as error:
        raise SettingsError(str(error)) from None
    return settings


def prepare(loaded: Loaded) -> None:
    """Set up the log as the settings say, and log what is odd about them."""
    configure(loaded.settings.log.level, loaded.settings.log.format)
    install_excepthook()
    report(loaded)


def report(loaded: Loaded) -> None:
    """Log what is odd about the settings."""
    for warning in loaded.warnings:
        _log.warning("setting_warning", setting=warning.setting, message=warning.message)


def serve(daemon: Daemon, on_serving: Callable[[str], None] | None = None) -> int:
    """Run the daemon to its end; the exit code, after one line on stderr where it is not 0."""
    ending: list[BaseException] = []
    try:
        asyncio.run(daemon.run(on_serving))
    except* tuple(kind for kind, _ in EXIT_CODES) as group:
        ending.append(_first(group))
    for error in ending:
        # A line more would wait for ever where nobody reads those before it.
        if flush():
            complain(error)
        return next(code for kind, code in EXIT_CODES if isinstance(error, kind))
    return 0


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
