"""A Prometheus is asked for little, within bounds, and whatever it answers badly is one line."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest

from exporter.backtest.evaluate import Past
from exporter.backtest.past import COUNTERS, GAUGES, PastError
from exporter.backtest.prometheus import read_prometheus
from exporter.backtest.promql import parse
from exporter.backtest.rules import HOLIDAY, missing, read, shipped
from exporter.cli import main
from tests.backtest.test_backtest import HERE, START

URL = "http://prometheus:9090"
SESSION = {"metric": {"__name__": "isnotai_sessions_total"}, "values": [[START, "1"]]}


def answering(answer: Callable[[httpx.Request], httpx.Response]) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.MockTransport(answer))


def refused(warning: str) -> None:
    """For where no warning is to come."""
    raise AssertionError(warning)


def asked_of(client: httpx.AsyncClient, **bounds: Any) -> Past:
    return read_prometheus(URL, START, START + 60, refused, client=client, **bounds)


def test_a_prometheus_is_asked_in_parts_for_what_the_alerts_read_alone() -> None:
    asked = []

    def answer(request: httpx.Request) -> httpx.Response:
        text = request.content.decode()
        asked.append(text)
        result = []
        if "query=isnotai_sessions_total" in text:
            metric = {"__name__": "isnotai_sessions_total", "integration": "campus"}
            result = [{"metric": metric, "values": [[START, "1"], [START + 60, "2"]]}]
        return httpx.Response(200, json={"status": "success", "data": {"result": result}})

    past = read_prometheus(
        "http://prometheus:9090/", START, START + 12 * 86400, refused, client=answering(answer)
    )

    assert past.evaluate(parse("isnotai_sessions_total")) == {HERE: [1, 2]}
    assert past.start == START
    assert len(asked) == 11 * 12
    assert missing(past, read(shipped())) == sorted({*COUNTERS, *GAUGES} - past.names - {HOLIDAY})


def test_where_an_exporter_was_down_a_past_of_prometheus_has_a_gap() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        values = [[START + 60 * minute, "1"] for minute in (0, 1, 9, 10)]
        result = [{"metric": {}, "values": values}]
        return httpx.Response(200, json={"status": "success", "data": {"result": result}})

    past = read_prometheus(
        "http://prometheus:9090", START, START + 660, refused, client=answering(answer)
    )

    for name in ("isnotai_up", "isnotai_sessions_total"):
        (column,) = past.evaluate(parse(name)).values()
        assert [at for at, value in enumerate(column) if value == 1] == [0, 1, 9, 10]


ODD: tuple[object, ...] = (
    {"metric": {}},
    3,
    {"a": 1},
    {"metric": {}, "values": [[1, "1"]]},
    {"metric": {}, "values": [[START * 1000, "1"]]},
    {"metric": {}, "values": [[START, "x"]]},
    {"metric": 1, "values": []},
)


@pytest.mark.parametrize(
    ("status", "text"),
    [
        (200, "a"),
        (200, "\xff"),
        (500, "a"),
        (200, "[]"),
        (200, "["),
        *((200, json.dumps({"status": "success", "data": {"result": [one]}})) for one in ODD),
    ],
)
def test_a_prometheus_that_does_not_answer_well_is_told(status: int, text: str) -> None:
    client = answering(lambda _: httpx.Response(status, content=text.encode("latin-1")))

    with pytest.raises(PastError, match=r"does not answer isnotai_sessions_total: ."):
        asked_of(client)


@pytest.mark.parametrize(
    ("status", "text", "headers"),
    [
        (200, "\n<!doctype html><title>Sign in</title>", {}),
        (403, "<html>", {}),
        (302, "", {"location": "https://login.example.org/?next=a"}),
        (404, "404 page not found", {}),
    ],
)
def test_what_is_no_prometheus_is_told_as_that(
    status: int, text: str, headers: dict[str, str]
) -> None:
    client = answering(lambda _: httpx.Response(status, text=text, headers=headers))

    with pytest.raises(PastError, match=f"login page or a wrong path.*status {status}") as raised:
        asked_of(client)

    assert "example" not in str(raised.value)


@pytest.mark.parametrize("status", [200, 403, 404, 422, 503])
@pytest.mark.parametrize("kind", [{"status": "error", "errorType": "execution"}, {}])
def test_the_error_that_a_prometheus_gives_is_told_as_a_line(
    status: int, kind: dict[str, str]
) -> None:
    error = "query processing would load\ntoo many samples\x1b[31m" + 500 * "y"
    answer = {**kind, "error": error}
    client = answering(lambda _: httpx.Response(status, json=answer))

    with pytest.raises(
        PastError, match=f"status {status}: query processing would load too many"
    ) as e:
        asked_of(client)

    assert str(e.value).isprintable()
    assert len(str(e.value)) < 300


@pytest.mark.parametrize(
    ("status", "answer", "said"),
    [
        (401, {"message": "who are you?"}, "status 401: give a user and a password"),
        (404, {"message": "not here"}, "login page or a wrong path.*status 404"),
        (500, {}, "status 500"),
        (200, {"status": "partial"}, "its status is 'partial' instead of 'success'"),
        (200, {}, "its status is '' instead of 'success'"),
    ],
)
def test_an_answer_without_an_error_is_told_by_its_status(
    status: int, answer: dict[str, str], said: str
) -> None:
    client = answering(lambda _: httpx.Response(status, json=answer))

    with pytest.raises(PastError, match=f"does not answer isnotai_sessions_total: .*{said}"):
        asked_of(client)


def test_what_an_answer_does_not_tell_may_be_null() -> None:
    data = {"result": [SESSION]}
    answer = {"status": "success", "data": data, "error": None, "warnings": None}

    past = asked_of(answering(lambda _: httpx.Response(200, json=answer)))

    assert past.evaluate(parse("isnotai_sessions_total")) == {(): [1]}


def test_each_warning_is_told_once() -> None:
    warnings = ["a store\nis away", "a store is away", "another"]
    answer = {"status": "success", "data": {"result": [SESSION]}, "warnings": warnings}
    client = answering(lambda _: httpx.Response(200, json=answer))
    told: list[str] = []

    read_prometheus(URL, START, START + 60, told.append, client=client)

    assert told == [f"the Prometheus warns: {one}" for one in ("a store is away", "another")]


async def blanks(size: int) -> AsyncIterator[bytes]:
    """An answer that never ends."""
    while True:
        yield b" " * size
        await asyncio.sleep(0)


@pytest.mark.parametrize(
    ("piece", "bounds", "said"),
    [
        (1, {"seconds": 0.1}, "the answer was not whole within 0.1 s"),
        (1024, {"size": 2**20}, "the answer is larger than 1 MiB"),
    ],
)
def test_an_answer_that_never_ends_is_not_awaited(
    piece: int, bounds: dict[str, Any], said: str
) -> None:
    client = answering(lambda _: httpx.Response(200, content=blanks(piece)))

    with pytest.raises(PastError, match=f"does not answer isnotai_sessions_total: {said}"):
        asked_of(client, **bounds)


def test_a_prometheus_that_is_away_is_one_line_without_its_password(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["backtest", "--prometheus-url", "http://u:Tr0ub4@127.0.0.1:1"], {}) == 1

    *_, line = capsys.readouterr().err.splitlines()
    assert "does not answer isnotai_sessions_total: " in line
    assert "Tr0ub4" not in line


def test_a_proxy_that_cannot_be_used_is_one_line_without_its_password(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("http_proxy", "http://u:Tr0ub4/dor@localhost:1")

    with pytest.raises(PastError, match="the proxy that the environment's variables") as raised:
        read_prometheus(URL, START, START + 60, refused)

    assert "Tr0ub4" not in str(raised.value)
