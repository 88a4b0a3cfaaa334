"""The largest and most expensive answers there are, of every kind; and what they take of memory.

python -m tests.hostile.floods      all kinds to all resources at once, in one process
"""

import asyncio
import json
import logging
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import structlog

from exporter.collect import registry
from tests.hostile.odd import GOOD, RESOURCE_OF
from tests.hostile.stage import Stage, stage

UNITS = {
    "lists": b"[]",
    "objects": b'{"":0}',
    "members": b'{"a":1,"b":2}',
    "numbers": b"1",
    "strings": b'"\xf0\x9f\x92\xa5"',
    "sessions": b'{"id":"a","createdAt":"2026-06-10T11:59:00Z"}',
    "rows": b'{"metricType":"a","value":1}',
}
"""What is repeated: little to write, much to hold."""


def repeated(unit: bytes, size: int, values: int) -> bytes:
    """A list of units of at most that many bytes and values."""
    each = 1 + unit.count(b",") + unit.count(b"[") + unit.count(b"{")
    number = max(0, min(size // (len(unit) + 1), values // each))
    return b"[" + b",".join([unit] * number) + b"]"


LISTS = ("timeSeries", "topOrigins", "browserCounts", "detectionFlags")


def flooded(path: str, kind: str, unit: bytes, size: int, values: int) -> bytes:
    """An answer of a path with such a list: for its data, in an unread field, or for that list."""
    many = repeated(unit, size - 4096, values - 100)
    good = json.dumps(GOOD[path]).encode()
    if kind == "data":
        return b'{"data":' + many + b',"pagination":{"hasMore":false}}'
    if kind == "unread":
        return b'{"unread":' + many + b"," + good[1:]
    head, found, tail = good.partition(f'"{kind}": '.encode())
    end = tail.index(b"]" if tail[:1] == b"[" else b"}") + 1
    return head + found + many + tail[end:]


_KINDS = {
    path: ["data", "unread", *(name for name in LISTS if f'"{name}": ' in json.dumps(good))]
    for path, good in GOOD.items()
}
_number = count()


def fresh_flags(number: int) -> bytes:
    """A page with one session that has so many flags which nobody has seen."""
    flags = [f"flag {next(_number)}" for _ in range(number)]
    (item,) = GOOD["/v1/sessions"]["data"]
    page = GOOD["/v1/sessions"] | {"data": [item | {"detectionFlags": flags, "status": "active"}]}
    return json.dumps(page).encode()


def fat_pages(pages: int) -> Callable[[httpx.Request], bytes]:
    """A list of pages that are as large as they may be, with fresh ids and flags."""

    def answer(request: httpx.Request) -> bytes:
        if request.url.path != "/v1/sessions":
            return json.dumps(GOOD[request.url.path]).encode()
        at = int(request.url.params.get("cursor", "0")) + 1
        (item,) = GOOD["/v1/sessions"]["data"]
        text = "\U0001f4a5" + "x" * 2500
        items: list[Any] = []
        for _ in range(400):
            number = next(_number)
            flags = [f"{number} {flag} {text[:80]}" for flag in range(20)]
            items.append(item | {"id": f"{number}{text[:900]}", "detectionFlags": flags})
        pagination = {"hasMore": at < pages, "nextCursor": str(at), "limit": 100}
        return json.dumps({"data": items, "pagination": pagination}, ensure_ascii=False).encode()

    return answer


def peak_mib() -> float:
    """The most memory that this process has held so far."""
    status = Path("/proc/self/status").read_text("ascii")
    line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) / 1024


async def ask_all(one: Stage) -> None:
    await asyncio.gather(*(one.attempt(resource) for resource in RESOURCE_OF.values()))


async def flood() -> None:
    """Every kind of answer to all resources at once, as large as they are read."""
    async with stage() as one:
        await ask_all(one)
        print(f"{peak_mib():.1f} good answers", flush=True)
        for kind, unit in UNITS.items():
            for turn in range(max(map(len, _KINDS.values()))):
                one.answer = _flood(unit, turn)
                await ask_all(one)
            print(f"{peak_mib():.1f} {kind}", flush=True)
        for number in (2_000, 49_000):
            for _ in range(5):
                one.answer = lambda request, number=number: (  # type: ignore[misc]  # a double, for this test
                    fresh_flags(number) if request.url.path == "/v1/sessions" else None
                )
                await ask_all(one)
        print(f"{peak_mib():.1f} fresh flags", flush=True)
        one.answer = fat_pages(30)
        await ask_all(one)
        print(f"{peak_mib():.1f} fat pages", flush=True)


def _flood(unit: bytes, turn: int) -> Callable[[httpx.Request], httpx.Response]:
    """The largest answers that are read, with such units; the turn says where they stand."""

    def answer(request: httpx.Request) -> httpx.Response:
        path = request.url.path
        most = registry.BOUNDS[RESOURCE_OF[path]]
        kind = _KINDS[path][turn % len(_KINDS[path])]
        return httpx.Response(200, content=flooded(path, kind, unit, most.size, most.values))

    return answer


if __name__ == "__main__":
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    asyncio.run(flood())
