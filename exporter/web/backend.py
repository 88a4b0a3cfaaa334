"""What the HTTP side asks of the daemon, and the values in which it is answered.

Declared here, where it is used; the daemon implements it. Every answer is ready in memory: no
method but `reload` may wait, and none may reach the API.
"""

from dataclasses import dataclass
from typing import Literal, Protocol

from exporter.ledger.recent import Slot
from exporter.publish.exposition import Exposition
from exporter.settings.effective import Effective

KeyState = Literal["valid", "refused", "missing", "unknown"]

Level = Literal["bad", "warning", "unknown", "good"]
"""From worst to best."""


class ReloadError(Exception):
    """The settings were not reloaded, and the old ones stay. Its text is shown to the caller."""


@dataclass(frozen=True, slots=True)
class Health:
    """A verdict, and what speaks against it: one line each, without secrets or user data."""

    ok: bool
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is so, and what to do about it.

    about: exporter, API, key, counting, settings or state. headline: two or three words.
    words: one sentence. next_step: what to do; empty for nothing. integrations: the names of those
    concerned; empty for all.
    """

    level: Level
    about: str
    headline: str
    words: str
    next_step: str = ""
    integrations: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Link:
    """A link of the status page. `href` is relative to the page, or an https address."""

    label: str
    href: str


@dataclass(frozen=True, slots=True)
class ResourceStatus:
    """One polled resource. Times are Unix seconds of our clock, `interval` is in seconds.

    up: whether the last attempt gave a decoded 2xx; None before the first.
    last_success, next_poll: None where there was none, or none is planned.
    last_error: the kind of the last failure and a few words; None after a success.
    idle: it was polled, and there was nothing to ask for yet.
    """

    resource: str
    up: bool | None
    last_success: float | None
    consecutive_failures: int
    last_error: str | None
    interval: float
    next_poll: float | None
    idle: bool = False


@dataclass(frozen=True, slots=True)
class Quota:
    """What this month used of a limit that the settings state. used: 1 is all; None: not read."""

    metric: str
    limit: float
    used: float | None


@dataclass(frozen=True, slots=True)
class IntegrationStatus:
    """One integration: its key, its resources and what its ledger counted.

    key_file: whether the key is in a file, which is read again.
    frontier: Unix seconds of the API's clock; None before the first whole walk.
    behind: seconds from the frontier to now, both by the API's clock; None before the first.
    sessions, bot_sessions: as last committed; None where none were ever read.
    budget, rate_limit: requests a minute that we allow ourselves, and that the tier allows.
    spent: requests of the last minute. recent: the last 24 h; empty before counting began.
    polls: whether this process polls it; else resources are not known here. polled_by: the replica
    that does, where several share a database; None where none does, or there is but one process.
    """

    name: str
    api_region: str | None
    api_tier: str | None
    key_state: KeyState
    resources: tuple[ResourceStatus, ...]
    frontier: float | None = None
    sessions: int | None = None
    bot_sessions: int | None = None
    budget: float | None = None
    rate_limit: float | None = None
    key_file: bool = False
    behind: float | None = None
    spent: int | None = None
    quotas: tuple[Quota, ...] = ()
    recent: tuple[Slot, ...] = ()
    polls: bool = True
    polled_by: str | None = None

    @property
    def polled(self) -> bool:
        """Whether anybody polls it, as far as is known here."""
        return self.polls or self.polled_by is not None

    @property
    def answered(self) -> bool | None:
        """Whether anything that was tried is up; None before the first attempt."""
        tried = [one.up for one in self.resources if one.up is not None]
        return any(tried) if tried else None


@dataclass(frozen=True, slots=True)
class Reload:
    """How the last reload ended. at: Unix seconds. problem: what was wrong; None: it succeeded."""

    at: float
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class StateStatus:
    """Where the counts are kept. path: None in memory. last_commit: Unix seconds; None: none.

    problem: why replicas do not know of each other now; None where they do, or there are none.
    """

    path: str | None = None
    last_commit: float | None = None
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Status:
    """All that the status page shows. `started` and `now` are Unix seconds of our clock.

    findings: the verdict, worst first. reload: None before the first.
    """

    version: str
    revision: str
    started: float
    now: float
    integrations: tuple[IntegrationStatus, ...]
    links: tuple[Link, ...] = ()
    series: int | None = None
    findings: tuple[Finding, ...] = ()
    reload: Reload | None = None
    state: StateStatus = StateStatus()
    settings: tuple[Effective, ...] = ()


class Backend(Protocol):
    """The daemon, as the HTTP side sees it."""

    @property
    def exposition(self) -> Exposition | None:
        """The bytes to hand out now; None before the first snapshot."""

    def health(self) -> Health:
        """Whether the process works; never depends on the API being up."""

    def ready(self) -> Health:
        """Whether each resource was tried, or the time for that passed."""

    def status(self) -> Status:
        """What the status page shows now."""

    async def reload(self) -> None:
        """Reloads the settings. Raises ReloadError where they are bad; the old ones stay."""
