"""What the simulated service holds while it runs: settings, faults, limits and a log of requests.

Shared by the edge, the endpoints and the control endpoints; it speaks no HTTP itself.
"""

import asyncio
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any, Final, NamedTuple

from exporter.simulator.clock import SimClock
from exporter.simulator.faults import Faults
from exporter.simulator.lists import TIERS, ListSettings, Tier
from exporter.simulator.openapi import STYLES
from exporter.simulator.sessions import Session
from exporter.simulator.world import World

DEFAULT_KEY: Final = "aik_v1_simulated-key-00000000000000000000000000"
VERSION: Final = "1.0.17.0"
USERS_ORDERS: Final = ("id", "last_seen")
COURSES_FORMS: Final = ("flat", "nested", "numeric_ids", "names", "unpaged")
_WINDOW_SECONDS: Final = 60.0
_MOST_ENCODED: Final = 100_000


@dataclass(frozen=True, slots=True)
class ApiSettings:
    """How the API behaves where the documentation leaves a choice. ValueError names a bad value."""

    keys: tuple[str, ...] = (DEFAULT_KEY,)
    """The keys that are known; any other gives 401."""
    tier: str = "pro"
    tier_name: str = ""
    """What x-isnotai-tier says, where it is not the tier that counts."""
    region: str = "us"
    lists: ListSettings = field(default_factory=ListSettings)
    rate_limits: bool = True
    """Enforce the tier's requests per minute, in real time."""
    wrap_integration: bool = True
    """/v1/integration answers `{"data": {...}}` rather than the bare object."""
    wrap_stats: bool = True
    """/v1/stats likewise."""
    bot_percentage_scale: float = 100.0
    """A full share in topOrigins' botPercentage."""
    match_rate_scale: float = 1.0
    """A full share in userMatching's matchRate."""
    sparse_buckets: bool = False
    """Leave out empty buckets of the time series."""
    users_order: str = "id"
    """Of /v1/users: id, or last_seen: whoever comes back goes to the front."""
    user_nulls: bool = True
    """Some users lack fields, or have null in them."""
    risk_levels: tuple[str, str, str] = ("low", "medium", "high")
    """How riskLevel is written."""
    courses_form: str = "flat"
    """An item of /v1/courses: flat, nested (numbers two levels down), numeric_ids, or names (no
    objects but texts); unpaged: a flat one in a list without pagination."""
    openapi_style: str = "refs"
    """How /openapi/v3.json is written: one of `openapi.STYLES`."""
    openapi_changes: tuple[str, ...] = ()
    """What it has otherwise than the simulator: see `openapi.document`."""
    seed: int = 0
    """Of the faults."""

    def __post_init__(self) -> None:
        """Refuse what makes no sense."""
        if self.tier not in TIERS:
            raise ValueError(f"tier must be one of {', '.join(TIERS)}: {self.tier!r}")
        if self.region not in ("us", "eu"):
            raise ValueError(f"region must be us or eu: {self.region!r}")
        if self.users_order not in USERS_ORDERS:
            raise ValueError(f"users_order must be one of {', '.join(USERS_ORDERS)}")
        if self.courses_form not in COURSES_FORMS:
            raise ValueError(f"courses_form must be one of {', '.join(COURSES_FORMS)}")
        if self.openapi_style not in STYLES:
            raise ValueError(f"openapi_style must be one of {', '.join(STYLES)}")
        if len(self.risk_levels) != 3:
            raise ValueError("risk_levels must be three: low, medium and high")


class Arrival(NamedTuple):
    """A request: when it came (real monotonic seconds) and to which path."""

    at: float
    path: str


class RequestLog:
    """Counts per path and per answer, and the last arrivals; bounded."""

    def __init__(self, keep: int = 100_000) -> None:
        """Keep at most so many arrivals."""
        self.counts: Counter[str] = Counter()
        self.answers: Counter[tuple[str, int]] = Counter()
        self.days: Counter[int] = Counter()
        self.arrivals: deque[Arrival] = deque(maxlen=keep)

    def arrived(self, path: str, at: float, day: int) -> None:
        """Note a request, on a day (number since the epoch) of the server's time."""
        self.counts[path] += 1
        self.days[day] += 1
        self.arrivals.append(Arrival(at, path))

    def answered(self, path: str, status: int) -> None:
        """Note the status of an answer; 0 is none at all."""
        self.answers[path, status] += 1

    def clear(self) -> None:
        """Forget all but the calls per day, which usage reports."""
        self.counts.clear()
        self.answers.clear()
        self.arrivals.clear()


class SlidingWindow:
    """Requests per 60 s of real time, for each bucket. What is refused does not count."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        """Take the real clock, in seconds."""
        self._monotonic = monotonic
        self._admitted: dict[str, deque[float]] = {}

    def wait(self, bucket: str, limit: int) -> float:
        """Admit a request and return 0, or the seconds until one can be admitted."""
        now = self._monotonic()
        times = self._admitted.setdefault(bucket, deque())
        while times and times[0] + _WINDOW_SECONDS <= now:
            times.popleft()
        if len(times) < limit:
            times.append(now)
            return 0.0
        return times[len(times) - limit] + _WINDOW_SECONDS - now


class Service:
    """The running service. `settings` and `faults` may be replaced at any time."""

    def __init__(
        self, world: World, clock: SimClock, settings: ApiSettings, faults: Faults | None = None
    ) -> None:
        """A service on a world whose time the clock drives; `faults` are there from the start."""
        self.world = world
        self.clock = clock
        self.settings = settings
        self.requests = RequestLog()
        self.limits = SlidingWindow(clock.real_monotonic)
        self.random = Random(settings.seed)  # noqa: S311 - a simulation, not a secret
        self.stopping = asyncio.Event()
        self.transports: dict[Any, asyncio.Transport] | None = None
        """Connections by the client's address, so that a fault can close one; None: no socket."""
        self._faults = faults or Faults()
        self._encoded: list[Session] = []

    @property
    def faults(self) -> Faults:
        """What goes wrong at present."""
        return self._faults

    @faults.setter
    def faults(self, faults: Faults) -> None:
        forward = faults.clock_skew > self._faults.clock_skew
        self.now()
        self._faults = faults
        if forward:  # nothing happened in the time that the clock jumped over
            self.world.skip_to(self._time())

    @property
    def tier(self) -> Tier:
        """The tier of every key."""
        return TIERS[self.settings.tier]

    def _time(self) -> datetime:
        return self.clock.now() + timedelta(seconds=self._faults.clock_skew)

    def now(self) -> datetime:
        """The server's own idea of time, skew included; the world is advanced to it."""
        now = self._time()
        self.world.advance(now)
        return now

    def encoded(self, session: Session) -> bytes:
        """The session's JSON; kept for the next reader, but not for too many sessions at once."""
        if session.encoded is None:
            if len(self._encoded) >= _MOST_ENCODED:
                for old in self._encoded:
                    old.encoded = None
                self._encoded.clear()
            self._encoded.append(session)
        return session.json()

    def chance(self, share: float) -> bool:
        """Whether a fault of this probability strikes."""
        return share > 0 and self.random.random() < share

    async def pause(self, seconds: float) -> None:
        """Wait for so many real seconds, or until the service stops."""
        try:
            await asyncio.wait_for(self.stopping.wait(), seconds)
        except TimeoutError:
            return
