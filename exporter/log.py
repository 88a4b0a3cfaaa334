"""Log lines: one event name per thing that happens, with key-values, as JSON or for a console.

structlog is configured once, and the standard library's logging (uvicorn, httpx, OpenTelemetry)
goes through the same processors. Every line passes the redactor twice: each string of the event
before it is rendered, and the rendered line. Of libraries nothing is written but errors that only
they can tell of: their lines hold URLs, and URLs hold cursors and ids. Nothing else here decides
what is worth a line, and nothing here may raise into the code that logs, or make it wait.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Mapping
from math import isfinite
from types import TracebackType
from typing import Any, Final, TextIO, cast

from exporter.logsink import Sink, Thinning
from exporter.redaction import redact
from exporter.withheld import withheld

# Rich is for commands. It costs 5 MiB, and its tracebacks show local variables, a key among them.
with withheld("rich"):
    import structlog
    from structlog.stdlib import ProcessorFormatter
    from structlog.typing import EventDict, FilteringBoundLogger, Processor, WrappedLogger

__all__ = ["configure", "dropped", "flush", "get_logger", "install_excepthook", "redact"]

LEVELS: Final[Mapping[str, int]] = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}
#: Libraries that raise what goes wrong, so that we say it in our words; their lines hold URLs,
#: headers or addresses, and whatever the other side sent.
_SILENT: Final = ("grpc", "httpcore", "httpx", "opentelemetry", "requests", "urllib3")
#: Libraries of whose lines only errors are kept: those are defects, and nothing else tells of them.
_TERSE: Final = ("asyncio", "uvicorn")
_UVICORN: Final = ("uvicorn", "uvicorn.error", "uvicorn.access")
_FIRST: Final = ("timestamp", "level", "event", "logger")
#: Values nested deeper than this are written as text.
_DEEPEST: Final = 8


def configure(level: str, format: str, stream: TextIO | None = None) -> None:
    """Send every log line of the process to `stream` (standard error unless given).

    `level` is debug, info, warning or error; `format` is json, console or auto (console on a
    terminal). May be called again, after a reload. Raises ValueError for any other word.
    """
    if level not in LEVELS:
        raise ValueError(f"log level must be one of {', '.join(LEVELS)}")
    if format not in ("auto", "json", "console"):
        raise ValueError("log format must be auto, json or console")
    stream = sys.stderr if stream is None else stream
    terminal = stream.isatty()
    console = format == "console" or (format == "auto" and terminal)
    stamp: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*stamp, ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[level]),
        logger_factory=structlog.stdlib.LoggerFactory(),
        # A cached logger would keep its old level after a reload.
        cache_logger_on_first_use=False,
    )
    handler = Sink(stream)
    handler.addFilter(Thinning())
    handler.setFormatter(
        ProcessorFormatter(
            foreign_pre_chain=[*stamp, _name_library_event],
            processors=[
                _note_left_out,
                ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                _redact_event,
                _console(terminal) if console else structlog.processors.JSONRenderer(),
                _redact_line,
            ],
        )
    )
    root = logging.getLogger()
    for old in [other for other in root.handlers if isinstance(other, Sink)]:
        old.flush()
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(LEVELS[level])
    for name in _UVICORN:
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = True
    for name in _SILENT:
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    for name in _TERSE:
        logging.getLogger(name).setLevel(logging.ERROR)


def get_logger(name: str) -> FilteringBoundLogger:
    """A logger to call as `log.info("poll_failed", resource="stats")`."""
    return cast(FilteringBoundLogger, structlog.get_logger(name))


def dropped() -> int:
    """How many lines were lost because nobody read them, since the log was set up."""
    sinks = (one for one in logging.getLogger().handlers if isinstance(one, Sink))
    return sum(sink.writer.dropped for sink in sinks if sink.writer is not None)


def flush() -> bool:
    """Wait a moment until all lines are written; whether they are."""
    sinks = (one for one in logging.getLogger().handlers if isinstance(one, Sink))
    return all(sink.flushed() for sink in sinks)


def install_excepthook() -> None:
    """Log an exception that nobody caught as `crashed`: Python's own print is not redacted."""

    def crashed(
        kind: type[BaseException], error: BaseException, traceback: TracebackType | None
    ) -> None:
        get_logger(__name__).error("crashed", exc_info=(kind, error, traceback))

    sys.excepthook = crashed


def _console(terminal: bool) -> structlog.dev.ConsoleRenderer:
    return structlog.dev.ConsoleRenderer(
        colors=terminal and not os.environ.get("NO_COLOR"),
        # The richer formatters print local variables, keys included.
        exception_formatter=structlog.dev.plain_traceback,
    )


def _name_library_event(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    """Libraries log sentences; they become the message of one event."""
    event["message"] = event["event"]
    event["event"] = "library_log"
    return event


def _note_left_out(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    """Say how many lines like this one were not written."""
    left_out = getattr(event.get("_record"), "left_out", 0)
    if left_out:
        event["left_out"] = left_out
    return event


def _redact_event(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    # What a reader looks for stands first.
    first = {key: event.pop(key) for key in _FIRST if key in event}
    return {
        redact.text(str(key)): _redacted(value, _DEEPEST)
        for key, value in (first | cast(dict[str, Any], event)).items()
    }


def _redact_line(logger: WrappedLogger, method: str, line: Any) -> str:
    return redact.text(str(line))


def _redacted(value: Any, depth: int) -> Any:
    """The value with every string in it redacted; what is neither text nor number becomes text."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        text = redact.text(str(value))
        # JSON has no NaN, and a number that was a secret is none any more.
        plain = isinstance(value, int) or isfinite(value)
        return value if plain and text == str(value) else text
    if depth and isinstance(value, Mapping):
        return {redact.text(str(key)): _redacted(inner, depth - 1) for key, inner in value.items()}
    if depth and isinstance(value, list | tuple | set | frozenset):
        return [_redacted(inner, depth - 1) for inner in value]
    return redact.text(value if isinstance(value, str) else _text(value))


def _text(value: object) -> str:
    # Exceptions read better by their text; str() hides a SecretStr as its repr does.
    return f"{type(value).__name__}: {value}" if isinstance(value, BaseException) else str(value)
