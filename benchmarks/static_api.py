"""A stand-in for the API that costs next to nothing, for many keys at once; runs as a process.

Every key whose text ends in a number has three sessions a minute of its own, and ready answers for
all else. It keeps no rate limits. It notes when each request came, so that the spread of polls is
judged from outside: `GET /-/arrivals` gives `[seconds, key, resource]` rows, `GET /-/forget` drops
them. `--silent N` never answers keys below N; `--wait` is how long each answer takes, in seconds.
"""

import argparse
import asyncio
import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from urllib.parse import parse_qsl, urlsplit

from exporter.simulator.openapi import document

SESSION_SECONDS = 20
FLAGS = tuple(f"{kind}_{number}" for kind in ("cursor", "typing", "browser") for number in range(5))


def key_of(number: int) -> str:
    """The key of that number."""
    return f"aik_v1_{'k' * 31}_{number:08d}"


def number_of(authorization: str) -> int:
    """The number of the key that a request brings; -1 where it brings none."""
    digits = authorization.rpartition("_")[2]
    return int(digits) if digits.isdigit() else -1


def iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")


def unix(text: str | None, default: float) -> float:
    return default if text is None else datetime.fromisoformat(text).timestamp()


def _session(key: int, number: int, now: float) -> bytes:
    created = number * SESSION_SECONDS + key % SESSION_SECONDS
    score = (number * 7 + key) % 100 / 100
    item = {
        "id": f"{key}-{number}",
        "createdAt": iso(created),
        "updatedAt": iso(min(now, created + 90)),
        "status": "active" if now < created + 90 else "closed",
        "botScore": score,
        "detectionFlags": [FLAGS[number % len(FLAGS)]] if score > 0.5 else [],
        "pageUrl": "https://lms.example/courses/1",
        "userAgentSummary": "Chrome 126",
        "userId": f"u-{number % 50}",
        "userName": "A Student",
        "userUrl": "https://lms.example/users/1",
    }
    return json.dumps(item).encode()


def _analytics(period: str, now: float) -> bytes:
    step, count = (3600, 24) if period == "24h" else (86_400, 7)
    last = now // step * step
    buckets = [
        {
            "timestamp": iso(last - step * place),
            "sessionCount": 180,
            "eventCount": 9_000,
            "botCount": 12,
            "userMatchedCount": 150,
        }
        for place in range(count)
    ]
    data = {
        "period": period,
        "groupBy": "hour" if period == "24h" else "day",
        "startDate": iso(last - step * count),
        "endDate": iso(now),
        "generatedAt": iso(now),
        "summary": {
            "totalSessions": 4_320,
            "totalEvents": 216_000,
            "uniqueBots": 31,
            "uniqueUsers": 900,
            "averageBotScore": 0.21,
            "averageEventsPerSession": 50.0,
        },
        "timeSeries": buckets,
        "botDetection": {
            "highConfidenceBots": 9,
            "mediumConfidenceBots": 12,
            "lowConfidenceBots": 40,
            "likelyHumans": 4_259,
        },
        "userMatching": {
            "totalMatched": 3_900,
            "totalUnmatched": 420,
            "matchRate": 90.3,
            "averageCorrelationConfidence": 0.83,
        },
        "topOrigins": [
            {"origin": f"https://lms{n}.example", "sessionCount": 400 - n, "botPercentage": 3.0}
            for n in range(10)
        ],
        "deviceBreakdown": {
            "mobile": 900,
            "tablet": 100,
            "desktop": 3_320,
            "browserCounts": {f"Browser {'ABCDEFGH'[n]}": 500 - n for n in range(8)},
        },
    }
    return json.dumps({"data": data}).encode()


def _usage(first: str, last: str) -> bytes:
    rows = [
        {"period": day, "metricType": kind, "value": 1_000}
        for day in {first, last}
        for kind in ("ApiCalls", "Events", "Sessions", "StorageBytes", "BotAnalyses")
    ]
    return json.dumps({"startDate": first, "endDate": last, "data": rows, "totals": {}}).encode()


_STATS = json.dumps(
    {"data": {f"total{name}": 7 * n for n, name in enumerate("ABCDEFGHIJKLMNO")}}
).encode()
_OPENAPI = json.dumps(document("refs", (), "v3")).encode()
_INTEGRATION = b'{"data": {"apiKeyMasked": "aik_v1_...abcd"}}'


class Api:
    """Answers by path. page: the most sessions of one answer. now: Unix seconds."""

    def __init__(
        self, silent: int = 0, page: int = 100, now: Callable[[], float] = time.time
    ) -> None:
        self.silent = silent
        self.page = page
        self.now = now
        self.arrivals: list[tuple[float, int, str]] = []

    def answer(self, target: str, key: int) -> bytes | None:
        """The body; None where none is given."""
        parts = urlsplit(target)
        query = dict(parse_qsl(parts.query))
        now = self.now()
        if parts.path == "/-/arrivals":
            return json.dumps(self.arrivals).encode()
        if parts.path == "/-/forget":
            self.arrivals.clear()
            return b"{}"
        resource = parts.path.rpartition("/")[2]
        self.arrivals.append((now, key, resource))
        if 0 <= key < self.silent:
            return None
        match resource:
            case "health":
                told = {"status": "healthy", "version": "1.0.17.0", "timestamp": iso(now)}
                return json.dumps(told).encode()
            case "integration":
                return _INTEGRATION
            case "v3.json":
                return _OPENAPI
            case "stats":
                return _STATS
            case "analytics":
                return _analytics(query.get("period", "7d"), now)
            case "usage":
                return _usage(query["startDate"], query["endDate"])
        return self._sessions(query, key, now)

    def _sessions(self, query: dict[str, str], key: int, now: float) -> bytes:
        size = min(self.page, int(query.get("pageSize", "50")))
        start = unix(query.get("startDate"), now - 7 * 86_400)
        end = min(now, unix(query.get("endDate"), now))
        offset = key % SESSION_SECONDS
        newest = int(end - offset) // SESSION_SECONDS
        oldest = -int(-(start - offset) // SESSION_SECONDS)
        if "cursor" in query:
            newest = int(query["cursor"])
        numbers = range(newest, max(oldest - 1, newest - size), -1)
        more = newest - size >= oldest
        cursor = b'"nextCursor": "%d", ' % (newest - size) if more else b""
        items = b",".join(_session(key, number, now) for number in numbers)
        flag = b"true" if more else b"false"
        return b'{"data": [%s], "pagination": {%s"hasMore": %s, "limit": %d}}' % (
            items,
            cursor,
            flag,
            size,
        )


class Connection(asyncio.Protocol):
    """One connection: requests without a body, one after the other."""

    def __init__(self, api: Api, wait: float) -> None:
        self._api = api
        self._wait = wait
        self._received = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None

    def data_received(self, data: bytes) -> None:
        self._received += data
        while b"\r\n\r\n" in self._received:
            head, _, self._received = self._received.partition(b"\r\n\r\n")
            line, *fields = head.decode("latin-1").split("\r\n")
            headers = {
                name.lower(): value.strip()
                for name, _, value in (field.partition(":") for field in fields)
            }
            number = number_of(headers.get("authorization", ""))
            body = self._api.answer(line.split(" ")[1], number)
            if body is not None:
                if self._wait:
                    asyncio.get_running_loop().call_later(self._wait, self._send, body)
                else:
                    self._send(body)

    def _send(self, body: bytes) -> None:
        if self._transport is None:
            return
        date = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime())
        head = (
            f"HTTP/1.1 200 OK\r\nDate: {date}\r\nContent-Type: application/json\r\n"
            f"x-isnotai-tier: enterprise\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        self._transport.write(head.encode() + body)


async def serve(silent: int, wait: float) -> None:
    api = Api(silent)
    server = await asyncio.get_running_loop().create_server(
        lambda: Connection(api, wait), "127.0.0.1", 0, backlog=4096
    )
    port = server.sockets[0].getsockname()[1]
    print(json.dumps({"url": f"http://127.0.0.1:{port}"}), flush=True)
    async with server:
        await server.serve_forever()


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--silent", type=int, default=0)
    parser.add_argument("--wait", type=float, default=0.0)
    options = parser.parse_args()
    asyncio.run(serve(options.silent, options.wait))


if __name__ == "__main__":
    main()
