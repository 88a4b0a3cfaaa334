"""A finding: one session that was settled as a bot, for whoever collects security events.

It names the session, by design: that is what a person opens in the vendor's dashboard. It names no
user and no page. Its id follows from integration and session alone, so that one sent twice can be
told, also after the state was lost.
"""

import json
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Protocol

NAMESPACE = uuid.UUID("6b0c9a52-6a0e-5f6c-9d53-0d5b7c3a2e11")
"""Of the ids of findings (UUID version 5, RFC 9562)."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A settled bot.

    uid: its stable id. created: microseconds since 1970 by the API's clock. settled: Unix seconds
    of our clock. score: the final one; None where the last reading had none.
    flags, places: those that may be labels.
    """

    uid: str
    integration: str
    session: str
    created: int
    settled: float
    score: float | None
    flags: tuple[str, ...]
    places: tuple[tuple[str, str], ...]

    def written(self) -> str:
        """As JSON, for the state."""
        return json.dumps(asdict(self))

    @classmethod
    def read(cls, written: str) -> "Finding":
        """What `written` wrote. Raises ValueError."""
        try:
            content = json.loads(written)
            content["flags"] = tuple(map(str, content["flags"]))
            content["places"] = tuple((str(name), str(value)) for name, value in content["places"])
            return cls(**content)
        except (KeyError, TypeError, RecursionError) as error:
            raise ValueError("not a finding") from error


def finding_id(integration: str, session: str) -> str:
    """The stable id of the finding of that session."""
    # A session's id may hold what UTF-8 cannot write.
    name = f"{integration}\0{session}".encode("utf-8", "surrogatepass")
    return str(uuid.uuid5(NAMESPACE, name.hex()))


class OutboxError(Exception):
    """The outbox could not be read or emptied; what waits stays."""


class Outbox(Protocol):
    """The findings of one integration that wait in its state."""

    async def waiting(self, most: int) -> Sequence[Finding]:
        """Those to be sent next. Raises OutboxError."""
        ...

    async def sent(self, findings: Iterable[Finding], rejected: int) -> None:
        """Remove what was sent; so many of it were rejected. Raises OutboxError."""
        ...
