"""Asks a Prometheus for the few series that the alerts are about, a day at a time.

Each answer has to come whole within a time and a size. Of an answer only short lines are repeated,
of the URL, which may hold a password, nothing.
"""

import asyncio
from collections.abc import Callable, Iterator
from http import HTTPStatus

import msgspec
from msgspec import Struct

from exporter.backtest.evaluate import Past
from exporter.backtest.past import COUNTERS, GAUGES, MINUTE, PastError, Sample, gathered, on_grid
from exporter.net.http import httpx
from exporter.redaction import redact
from exporter.terminal import one_line

PART_SECONDS = 86400
ANSWER_SECONDS = 60.0
"""From a question to the last byte of its answer."""
LARGEST_ANSWER = 256 * 1024 * 1024
"""Bytes. A day of a thousand series is some 40 MB."""
LONGEST_TEXT = 200


class _Series(Struct):
    """A series of an answer; a value is a text, since JSON has no NaN."""

    metric: dict[str, str]
    values: list[tuple[float, str]]


class _Data(Struct):
    result: list[_Series]


class _Answer(Struct):
    """Source: https://prometheus.io/docs/prometheus/latest/querying/api/#format-overview"""

    status: str = ""
    data: _Data | None = None
    error: str | None = None
    warnings: list[str] | None = None


def read_prometheus(
    url: str,
    start: float,
    end: float,
    warn: Callable[[str], None],
    *,
    client: httpx.AsyncClient | None = None,
    seconds: float = ANSWER_SECONDS,
    size: int = LARGEST_ANSWER,
) -> Past:
    """The past that a Prometheus holds, [start, end) in Unix seconds. Raises PastError.

    warn: gets each warning of its answers once. seconds, size: within which an answer has to come.
    """
    with asyncio.Runner() as runner:
        asked = client or _client()

        def answered(name: str, query: dict[str, str]) -> _Answer:
            asking = _ask(asked, f"{url.rstrip('/')}/api/v1/query_range", query, seconds, size)
            try:
                return _decoded(*runner.run(asking))
            except (httpx.HTTPError, PastError) as error:
                raise PastError(f"the Prometheus does not answer {name}: {_line(error)}") from None

        try:
            return on_grid(gathered(_samples(answered, start, end, warn)))
        finally:
            runner.run(asked.aclose())


def _client() -> httpx.AsyncClient:
    """Bounded from without, see `_ask`. Raises PastError where a variable names no proxy."""
    try:
        return httpx.AsyncClient(timeout=None)
    except (httpx.InvalidURL, ValueError, ImportError):
        raise PastError("the proxy that the environment's variables name cannot be used") from None


async def _ask(
    client: httpx.AsyncClient, url: str, query: dict[str, str], seconds: float, size: int
) -> tuple[int, bytes]:
    """Status and body. Raises PastError, which says the bound that was overrun, httpx.HTTPError."""
    body = bytearray()
    try:
        async with asyncio.timeout(seconds), client.stream("POST", url, data=query) as response:
            async for part in response.aiter_bytes():
                body += part
                if len(body) > size:
                    raise PastError(f"the answer is larger than {size / 2**20:g} MiB")
            return response.status_code, bytes(body)
    except TimeoutError:
        raise PastError(f"the answer was not whole within {seconds:g} s") from None


def _decoded(status: int, body: bytes) -> _Answer:
    """A good answer. Raises PastError."""
    elsewhere = f"no Prometheus API there: a login page or a wrong path? (status {status})"
    if 300 <= status < 400 or body.lstrip()[:1] == b"<":
        raise PastError(elsewhere)
    try:
        answer = msgspec.json.decode(body, type=_Answer)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        if status == HTTPStatus.OK:
            raise PastError(f"the answer is no Prometheus': {error}") from None
        answer = _Answer()
    if answer.error:
        raise PastError(f"status {status}: {answer.error}")
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        raise PastError(f"status {status}: give a user and a password in the URL")
    if status == HTTPStatus.NOT_FOUND:
        raise PastError(elsewhere)
    if status != HTTPStatus.OK:
        raise PastError(f"status {status}")
    if answer.status != "success":
        raise PastError(f"its status is {answer.status!r} instead of 'success'")
    return answer


def _samples(
    answered: Callable[[str, dict[str, str]], _Answer],
    start: float,
    end: float,
    warn: Callable[[str], None],
) -> Iterator[Sample]:
    told: set[str] = set()
    for name in (*COUNTERS, *GAUGES):
        at = start
        while at < end:
            until = min(at + PART_SECONDS, end)
            query = {"query": name, "start": f"{at}", "end": f"{until}", "step": f"{MINUTE}"}
            answer = answered(name, query)
            for text in map(_line, answer.warnings or ()):
                if text not in told:
                    told.add(text)
                    warn(f"the Prometheus warns: {text}")
            for one in answer.data.result if answer.data else ():
                labels = tuple(sorted(pair for pair in one.metric.items() if pair[0] != "__name__"))
                for time, text in one.values:
                    yield name, labels, *_sample(name, time, text, start, end)
            at = until + MINUTE


def _sample(name: str, time: float, text: str, start: float, end: float) -> tuple[float, float]:
    """A time and a value of an answer. Raises PastError."""
    if not start - MINUTE <= time <= end + MINUTE:
        raise PastError(f"the Prometheus does not answer {name}: {time:g} is no time asked for")
    try:
        return time, float(text)
    except ValueError:
        raise PastError(
            f"the Prometheus does not answer {name}: {_line(text)} is no number"
        ) from None


def _line(text: object) -> str:
    """What may be shown of a text of others: a short line without secrets."""
    line = redact.text(" ".join(one_line(str(text)).split())) or type(text).__name__
    return line if len(line) <= LONGEST_TEXT else f"{line[: LONGEST_TEXT - 1]}…"
