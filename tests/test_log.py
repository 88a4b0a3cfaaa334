from __future__ import annotations

import io
import json
import logging
import re
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
import structlog
from pydantic import SecretStr

from exporter import log
from exporter.logsink import Sink
from exporter.redaction import Redactor, redact

SECRET = "hunter22-secret"
KEY = "aik_v1_" + "x" * 40


@pytest.fixture(autouse=True)
def _logging_as_before(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for attribute, value in vars(Redactor()).items():
        monkeypatch.setattr(redact, attribute, value)
    redact.add(SECRET)
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    levels = {
        name: logging.getLogger(name).level for name in (*log._SILENT, *log._TERSE, *log._UVICORN)
    }
    for name in log._UVICORN:
        # A server that ran in this process before has set it to its own.
        logging.getLogger(name).setLevel(logging.NOTSET)
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, before in levels.items():
        logging.getLogger(name).setLevel(before)
    structlog.reset_defaults()


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def _without_pytests_handlers() -> None:
    """pytest's own handlers raise on a line that cannot be made."""
    root = logging.getLogger()
    root.handlers[:] = [one for one in root.handlers if isinstance(one, Sink)]


def _lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_is_one_json_object_with_event_level_logger_and_utc_time() -> None:
    stream = io.StringIO()
    log.configure("info", "json", stream)

    log.get_logger("exporter.x").info("poll_failed", resource="stats", attempts=3, ratio=0.5)

    (line,) = _lines(stream)
    assert list(line)[:4] == ["timestamp", "level", "event", "logger"]
    stamp = datetime.fromisoformat(line.pop("timestamp"))
    assert stamp.utcoffset() == timedelta(0)
    assert line == {
        "level": "info",
        "event": "poll_failed",
        "logger": "exporter.x",
        "resource": "stats",
        "attempts": 3,
        "ratio": 0.5,
    }


def test_auto_is_json_off_a_terminal_and_console_on_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    off, on, plain = io.StringIO(), _Terminal(), _Terminal()
    log.configure("info", "auto", off)
    log.get_logger("x").info("started")
    log.configure("info", "auto", on)
    log.get_logger("x").info("started")
    monkeypatch.setenv("NO_COLOR", "1")
    log.configure("info", "auto", plain)
    log.get_logger("x").info("started")

    assert _lines(off)[0]["event"] == "started"
    assert "\x1b[" in on.getvalue()
    assert "started" in plain.getvalue()
    assert "\x1b[" not in plain.getvalue()
    assert not plain.getvalue().startswith("{")


def test_lines_go_to_standard_error_unless_told(capsys: pytest.CaptureFixture[str]) -> None:
    log.configure("info", "json")

    log.get_logger("x").info("started")

    captured = capsys.readouterr()
    assert captured.out == ""
    assert json.loads(captured.err)["event"] == "started"


def test_lines_below_the_level_are_dropped_also_after_a_reload() -> None:
    stream = io.StringIO()
    logger = log.get_logger("x")
    log.configure("warning", "json", stream)
    logger.info("one")
    logger.warning("two")
    log.configure("debug", "json", stream)
    logger.debug("three")
    log.configure("error", "json", stream)
    logger.warning("four")
    logging.getLogger("library").warning("five")

    assert [line["event"] for line in _lines(stream)] == ["two", "three"]


@pytest.mark.parametrize("format", ["json", "console"])
def test_a_secret_comes_out_nowhere_at_level_debug(format: str) -> None:
    stream = io.StringIO()
    log.configure("debug", format, stream)
    _without_pytests_handlers()
    logger = log.get_logger("x")

    class Thing:
        def __repr__(self) -> str:
            return f"Thing({SECRET})"

    logger.debug("one", value=SECRET, key=f"Bearer {KEY}", nested={"a": [{SECRET: (SECRET,)}]})
    logger.info(f"two {SECRET}", **{f"k{SECRET}": 1})
    logger.info("three %s", SECRET)
    logger.warning("four", error=ValueError(SECRET), thing=Thing(), things=[Thing(), {Thing()}])
    logger.warning("five", raw=SECRET.encode(), hidden=SecretStr(SECRET))
    try:
        try:
            raise ValueError(f"inner {SECRET}")
        except ValueError as inner:
            inner.add_note(f"note {SECRET}")
            raise ExceptionGroup(f"outer {KEY}", [KeyError(SECRET)]) from inner
    except ExceptionGroup:
        logger.exception("six", value=SECRET)
        logging.getLogger("library").exception("seven %s", SECRET)
    logging.getLogger("uvicorn.error").error("eight %s", SECRET)
    logging.getLogger("library").info("nine %d", SECRET)
    deep: list[object] = [SECRET]
    for _ in range(50):
        deep = [deep]
    logger.info("ten", deep=deep)

    text = stream.getvalue()
    for event in ("one", "two", "three", "four", "five", "six", "seven", "eight", "ten"):
        assert event in text
    assert "inner" in text
    assert "outer" in text
    assert SECRET not in text
    assert KEY not in text
    assert "aik_v1_" not in text


def test_a_secret_that_is_a_number_is_redacted_and_the_line_stays_json() -> None:
    stream = io.StringIO()
    log.configure("info", "json", stream)
    redact.add("900719925474")

    log.get_logger("x").info("started", pin=900719925474)

    assert _lines(stream)[0]["pin"] == "[redacted]"


def test_a_secret_that_only_the_finished_line_holds_is_redacted() -> None:
    stream = io.StringIO()
    log.configure("info", "console", stream)
    redact.add("alpha=1 beta=2")

    log.get_logger("x").info("started", alpha=1, beta=2)

    assert "alpha=1 beta=2" not in stream.getvalue()
    assert "[redacted]" in stream.getvalue()


@pytest.mark.parametrize("format", ["json", "console"])
def test_local_variables_of_a_traceback_are_not_printed(format: str) -> None:
    stream = io.StringIO()
    log.configure("debug", format, stream)

    def fail(local: str) -> None:
        raise RuntimeError("no")

    try:
        fail("student-name")
    except RuntimeError:
        log.get_logger("x").exception("failed")

    assert "RuntimeError: no" in stream.getvalue()
    assert "student-name" not in re.sub(r"fail\(.*\)", "", stream.getvalue())


def test_a_line_of_a_library_is_one_event_with_its_message() -> None:
    stream = io.StringIO()
    log.configure("info", "json", stream)
    uvicorn = logging.getLogger("uvicorn.error")
    uvicorn.addHandler(logging.StreamHandler(stream))

    log.configure("info", "json", stream)
    uvicorn.error("Exception in %s application", "ASGI")

    (line,) = _lines(stream)
    assert line["event"] == "library_log"
    assert line["message"] == "Exception in ASGI application"
    assert line["logger"] == "uvicorn.error"


@pytest.mark.parametrize(
    "name",
    [
        "grpc._plugin_wrapping",
        "httpcore.http11",
        "httpx",
        "opentelemetry.exporter.otlp.proto.grpc.exporter",
        "opentelemetry.exporter.otlp.proto.http.metric_exporter",
        "requests",
        "urllib3.connectionpool",
    ],
)
def test_a_library_whose_errors_we_tell_ourselves_writes_no_line(name: str) -> None:
    stream = io.StringIO()
    log.configure("debug", "json", stream)

    logging.getLogger(name).info("HTTP Request: GET https://api.example/v1/sessions/student-7")
    logging.getLogger(name).error("HTTPConnectionPool(host='api.example'): Max retries exceeded")

    assert stream.getvalue() == ""


@pytest.mark.parametrize("name", ["asyncio", "uvicorn", "uvicorn.access", "uvicorn.error"])
def test_of_a_library_whose_errors_are_defects_only_those_are_written(name: str) -> None:
    stream = io.StringIO()
    log.configure("debug", "json", stream)

    logging.getLogger(name).info("127.0.0.1 - GET /")
    logging.getLogger(name).warning("socket.send() raised exception.")
    logging.getLogger(name).error("a defect")

    assert [line["message"] for line in _lines(stream)] == ["a defect"]


def test_a_url_in_a_line_loses_its_query() -> None:
    stream = io.StringIO()
    log.configure("debug", "json", stream)

    log.get_logger("x").info("failed", error="for 'https://api.example/v1/x?cursor=abc'")

    assert "cursor" not in stream.getvalue()


def test_a_line_that_cannot_be_made_does_not_print_its_arguments() -> None:
    stream = io.StringIO()
    log.configure("info", "json", stream)
    _without_pytests_handlers()

    logging.getLogger("library").info("%d of them", "student-7")

    assert stream.getvalue() == "log_line_lost logger=library error=TypeError\n"


def test_a_closed_stream_does_not_stop_the_one_who_logs() -> None:
    stream = io.StringIO()
    log.configure("info", "json", stream)
    stream.close()

    log.get_logger("x").info("started")


def test_numbers_that_json_lacks_are_written_as_text() -> None:
    stream = io.StringIO()
    log.configure("info", "json", stream)

    log.get_logger("x").info("odd", a=float("nan"), b=float("inf"), c=None, d=True, e=10**400)

    (line,) = _lines(stream)
    assert (line["a"], line["b"], line["c"], line["d"]) == ("nan", "inf", None, True)
    assert line["e"] == 10**400


def test_an_uncaught_exception_is_logged_redacted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    stream = io.StringIO()
    log.configure("info", "json", stream)
    log.install_excepthook()

    error = ValueError(SECRET)
    sys.excepthook(ValueError, error, None)

    (line,) = _lines(stream)
    assert line["event"] == "crashed"
    assert "ValueError: [redacted]" in line["exception"]


def test_unknown_words_are_refused() -> None:
    with pytest.raises(ValueError, match="log level must be one of debug"):
        log.configure("loud", "json")
    with pytest.raises(ValueError, match="log format must be auto"):
        log.configure("info", "xml")
