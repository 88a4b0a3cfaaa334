"""An API that puts a person, or the key itself, wherever it can: nothing of it comes out."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from exporter.web.address import bind
from exporter.web.server import Server
from tests.e2e.running import Scrape, client_of, process
from tests.e2e.simulation import FAST

KEY = "aik_v1_" + "q" * 40
PERSON = "somebody@school.example"
SECRETS = (KEY, "q" * 40, PERSON, "somebody", "pass-word", "course-4711")
URL = f"https://somebody:pass-word@school.example/course-4711?who={PERSON}"


def hostile(path: str, told: str) -> Any:
    """A well-formed answer with `told` in every free place."""
    now = datetime.now(UTC).isoformat()
    match path:
        case "/health":
            return {"status": told, "version": told, "timestamp": now}
        case "/v1/integration":
            return {"data": {"apiKeyMasked": told, "name": told, told: told}}
        case "/v1/stats":
            return {"data": {told: 1, "total": 2, "by": {told: 3, PERSON: 4}}}
        case "/v1/usage":
            row = {"period": now[:10], "metricType": told, "value": 5}
            return {"startDate": now, "endDate": now, "data": [row], "totals": {told: 1}}
        case "/v1/sessions":
            item = {"id": told, "status": told, "botScore": 0.9, "detectionFlags": [told]}
            times = {"createdAt": now, "updatedAt": now}
            names = ("pageUrl", "userAgentSummary", "userId", "userName", "userUrl")
            items = [{**item, **times, **dict.fromkeys(names, told)}]
            return {"data": items, "pagination": {"hasMore": False, "limit": 100}}
    window = {"timestamp": now, "sessionCount": 1, "eventCount": 1, "botCount": 1}
    return {
        "data": {
            "period": told,
            "groupBy": told,
            "generatedAt": now,
            "summary": {"totalSessions": 1},
            "timeSeries": [window],
            "topOrigins": [{"origin": told, "sessionCount": 1, "botPercentage": 50.0}],
            "deviceBreakdown": {"mobile": 1, "browserCounts": {told: 1}},
        }
    }


class HostileApi:
    """Answers with the next of several strings each time, and sometimes with an error."""

    def __init__(self) -> None:
        self.count = 0

    def asked_more_than(self, number: int) -> Callable[[Scrape], bool]:
        return lambda scrape: self.count > number

    async def answer(self, request: Request) -> Response:
        self.count += 1
        told = (KEY, PERSON, URL, f"Bearer {KEY}")[self.count // 7 % 4]
        date = format_datetime(datetime.now(UTC) - timedelta(seconds=1), usegmt=True)
        headers = {"date": date, "x-isnotai-tier": told if self.count % 5 else "enterprise"}
        if self.count % 6 == 0:
            error = {"error": {"code": told, "message": told, "details": {told: told}}}
            return Response(json.dumps(error), 403, headers, "application/json")
        if self.count % 17 == 0:
            return Response(told, 200, headers, told)
        return Response(json.dumps(hostile(request.url.path, told)), 200, headers)


@pytest.fixture
def api() -> HostileApi:
    return HostileApi()


async def test_neither_person_nor_key_comes_out_of_what_a_hostile_api_says(
    api: HostileApi,
) -> None:
    app = Starlette(routes=[Route("/{path:path}", api.answer)])
    server = Server(app, bind("127.0.0.1", 0))
    variables = {
        **FAST,
        "ISNOTAI_BUDGET_SHARE": "1",
        "ISNOTAI_API_KEY": KEY,
        "ISNOTAI_BASE_URL": f"http://127.0.0.1:{server.port}",
        "ISNOTAI_LOG_LEVEL": "debug",
    }
    written: list[tuple[str, str]] = []
    async with server.running(), process(variables) as daemon, client_of(daemon) as exporter:
        for seen in range(4, 60, 4):
            await exporter.until(api.asked_more_than(seen))
            written.append(("metrics", (await exporter.get("/metrics")).text))
            written.append(("page", (await exporter.get("/")).text))
        daemon.process.terminate()
        await daemon.ended()
    written.append(("log", daemon.output))

    shown = {
        (place, secret, line)
        for place, text in written
        for line in text.splitlines()
        for secret in SECRETS
        if secret in line
    }
    assert shown == set()
