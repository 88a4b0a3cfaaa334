"""The simulator's own endpoints under /_simulator/, for tests: truth, faults, time and the log.

They need no key, suffer no fault and are not logged. They are not part of the simulated API.
"""

from collections.abc import Awaitable, Callable
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from exporter.simulator import replies
from exporter.simulator.lists import ListSettings
from exporter.simulator.service import ApiSettings, Service
from exporter.simulator.truth import SCORE_BOUNDS
from exporter.simulator.world import WorldSettings

_DURATIONS = ("late_max",)


def control_app(service: Service) -> Starlette:
    """The control endpoints of a running service."""
    control = _Control(service)
    methods: dict[str, tuple[str, Callable[[Request], Awaitable[Response]]]] = {
        "/truth": ("GET", control.truth),
        "/time": ("GET", control.time),
        "/pause": ("POST", control.pause),
        "/resume": ("POST", control.resume),
        "/freeze": ("POST", control.freeze),
        "/tier": ("POST", control.tier),
        "/settings": ("POST", control.settings),
        "/requests": ("GET", control.requests),
    }
    routes = [
        Route(f"/_simulator{path}", endpoint, methods=[method])
        for path, (method, endpoint) in methods.items()
    ]
    routes.append(Route("/_simulator/faults", control.faults, methods=["GET", "POST"]))
    routes.append(Route("/_simulator/requests", control.clear, methods=["DELETE"]))
    return Starlette(routes=routes, exception_handlers={ValueError: _refused, TypeError: _refused})


async def _refused(request: Request, exception: Exception) -> Response:
    return replies.error(400, "INVALID_REQUEST", str(exception))


class _Control:
    def __init__(self, service: Service) -> None:
        self._service = service

    async def _content(self, request: Request) -> dict[str, Any]:
        content = await request.json() if await request.body() else {}
        if not isinstance(content, dict):
            raise ValueError("the body must be a JSON object")
        return content

    async def truth(self, request: Request) -> Response:
        """What must have been counted of sessions since `since` (default: the world's start)."""
        service, now = self._service, self._service.now()
        since_text = request.query_params.get("since")
        since = service.world.start if since_text is None else datetime.fromisoformat(since_text)
        threshold = float(request.query_params.get("threshold", "0.7"))
        faults = service.faults
        truth = service.world.truth(since, threshold, faults.hide_sessions, faults.hide_details)
        content = asdict(truth)
        content["score_buckets"] = {
            str(bound): count
            for bound, count in zip(SCORE_BOUNDS, truth.score_buckets, strict=True)
        }
        return replies.json_reply({"since": since.isoformat(), **self._times(now), **content})

    def _times(self, now: datetime) -> dict[str, Any]:
        quiet = self._service.world.quiet_at
        return {
            "now": now.isoformat(),
            "quiet_at": None if quiet is None else quiet.isoformat(),
            "quiet": quiet is not None and quiet <= now,
        }

    async def time(self, request: Request) -> Response:
        """The server's time, the world's start, and whether anything will still change."""
        start = self._service.world.start.isoformat()
        speed = self._service.clock.speed
        times = self._times(self._service.now())
        return replies.json_reply({**times, "start": start, "speed": speed})

    async def pause(self, request: Request) -> Response:
        """Create no more sessions; existing ones run to their close."""
        now = self._service.now()
        self._service.world.pause(now)
        return replies.json_reply(self._times(now))

    async def resume(self, request: Request) -> Response:
        """Undo pause and freeze."""
        now = self._service.now()
        self._service.world.resume(now)
        return replies.json_reply(self._times(now))

    async def freeze(self, request: Request) -> Response:
        """Change nothing any more."""
        now = self._service.now()
        self._service.world.freeze()
        return replies.json_reply(self._times(now))

    async def faults(self, request: Request) -> Response:
        """Read the faults, or change some; `{"reset": true}` first clears them all."""
        if request.method == "POST":
            content = await self._content(request)
            faults = self._service.faults
            if content.pop("reset", False):
                faults = type(faults)()
            self._service.faults = faults.changed(content)
        return replies.json_reply(self._service.faults.as_json())

    async def tier(self, request: Request) -> Response:
        """Put every key on another tier: `{"tier": "free"}`."""
        tier = (await self._content(request)).get("tier")
        self._service.settings = replace(self._service.settings, tier=str(tier))
        return replies.json_reply({"tier": tier})

    async def settings(self, request: Request) -> Response:
        """Change settings of the world, the API or its lists, by their names, and `speed`."""
        service = self._service
        content = await self._content(request)
        speed = content.pop("speed", None)
        world: dict[str, Any] = {}
        api: dict[str, Any] = {}
        lists: dict[str, Any] = {}
        for name, value in content.items():
            if name in WorldSettings.__dataclass_fields__:
                world[name] = _world_value(name, value)
            elif name in ListSettings.__dataclass_fields__:
                lists[name] = value
            elif name in ApiSettings.__dataclass_fields__ and name != "lists":
                api[name] = tuple(value) if isinstance(value, list) else value
            else:
                raise ValueError(f"no such setting: {name!r}")
        new_api = replace(service.settings, lists=replace(service.settings.lists, **lists), **api)
        service.now()
        if world:
            service.world.change(**world)
        service.settings = new_api
        if speed is not None:
            service.clock.set_speed(float(speed))
        return replies.json_reply({"changed": sorted(content)})

    async def requests(self, request: Request) -> Response:
        """Counts, and arrivals (real monotonic seconds) after `since`."""
        log = self._service.requests
        since = float(request.query_params.get("since", "-inf"))
        answers: dict[str, dict[str, int]] = {}
        for (path, status), count in sorted(log.answers.items()):
            answers.setdefault(path, {})[str(status)] = count
        return replies.json_reply(
            {
                "now": self._service.clock.real_monotonic(),
                "counts": dict(log.counts),
                "answers": answers,
                "arrivals": [list(arrival) for arrival in log.arrivals if arrival.at > since],
            }
        )

    async def clear(self, request: Request) -> Response:
        """Empty the log."""
        self._service.requests.clear()
        return Response(status_code=204)


def _world_value(name: str, value: Any) -> Any:
    """A world's setting from JSON: durations are in seconds."""
    if name == "lifetime":
        shortest, longest = value
        return timedelta(seconds=shortest), timedelta(seconds=longest)
    if name in _DURATIONS:
        return timedelta(seconds=value)
    return tuple(value) if name == "flags" else value
