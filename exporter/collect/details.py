"""The details of settled bots: read once each, with what the budget has left, the newest first.

What a bot did says something of bots, not of one session: counts by type and a histogram. How many
were read, had none, or were skipped for want of budget is counted too, so that the size of the
sample is known.
"""

from collections import Counter
from collections.abc import Sequence
from urllib.parse import quote

from exporter.api.errors import (
    ApiError,
    InvalidResponseError,
    RequestTimeoutError,
    StatusError,
)
from exporter.api.schema.details import read_details
from exporter.clock import Clock
from exporter.collect.resource import Context, Resource
from exporter.ledger.details import Pending, PendingDetails
from exporter.metrics.telemetry import Telemetry
from exporter.polling.collector import Api, NothingAskedError, Publish
from exporter.settings.model import Settings

NAME = "details"

WORKING_PART = 0.8
"""The part of its interval for which a poll begins new requests."""

MOST_A_POLL = 200

GONE = frozenset({400, 404, 410, 414, 422})
"""What the API says of one session; any other 4xx is about the key or the resource."""

ATTEMPTS = 5
"""Polls in which one session may fail while others are read; then it counts as missing."""

FAILURES_IN_A_ROW = 3
"""After so many the fault is not the sessions'; the poll fails, and all of them stay."""


class Details:
    """Reads `/v1/sessions/{id}/details` of settled bots. interval: seconds between polls."""

    resource = NAME

    def __init__(
        self,
        *,
        api: Api,
        pending: PendingDetails,
        telemetry: Telemetry,
        clock: Clock,
        interval: float,
    ) -> None:
        self._api = api
        self._pending = pending
        self._telemetry = telemetry
        self._clock = clock
        self._interval = interval
        self._attempts = Counter[bytes]()

    async def update(self, publish: Publish) -> None:
        """One poll. Raises ApiError or StateError, and NothingAskedError where no bot waits."""
        deadline = self._clock.monotonic() + WORKING_PART * self._interval
        asked = 0
        left: set[bytes] = set()  # those that failed wait on, and are not asked for again
        failed: list[Pending] = []
        last: ApiError | None = None
        while asked < MOST_A_POLL and self._clock.monotonic() < deadline:
            # Asked for anew each time: a newer one may have been settled during the last wait.
            waiting = await self._pending.newest(len(left) + 1)
            it = next((it for it in waiting if it.key not in left), None)
            if it is None:
                break
            asked += 1
            try:
                await self._read(it)
            except (StatusError, InvalidResponseError, RequestTimeoutError) as error:
                if not _may_be_its_own(error):
                    raise
                left.add(it.key)
                failed.append(it)
                if len(failed) >= FAILURES_IN_A_ROW:
                    raise
                self._note_invalid(error)
                last = error
                continue
            publish(self.resource, ())
            last = None
            await self._blame(failed)
            failed.clear()
        if last is not None:
            raise last
        if not asked:
            self._attempts.clear()
            raise NothingAskedError

    async def _read(self, it: Pending) -> None:
        """Ask for one, and count what came of it."""
        path = path_of(it.session)
        if path is None:
            await self._pending.missing(it)
            return
        try:
            answer = await self._api.get(path, resource=NAME)
        except StatusError as error:
            if error.status not in GONE:
                raise
            await self._pending.missing(it)
            return
        if answer.body is None:
            await self._pending.missing(it)
        else:
            await self._pending.read(it, read_details(answer.body))

    async def _blame(self, failed: Sequence[Pending]) -> None:
        """Others can be read, so what failed before was of these sessions."""
        for it in failed:
            self._attempts[it.key] += 1
            if self._attempts[it.key] >= ATTEMPTS:
                del self._attempts[it.key]
                await self._pending.missing(it)

    def _note_invalid(self, error: ApiError) -> None:
        """Count what did not decode; the frame counts only what ends a poll."""
        if isinstance(error, InvalidResponseError) and not error.counted:
            self._telemetry.invalid_responses.inc(NAME)


def path_of(session: str) -> str | None:
    """The path of a session's details; None where no path can hold the id."""
    try:
        encoded = quote(session, safe="")
    except UnicodeEncodeError:
        return None
    # Servers and proxies walk up the path for these, however they are written.
    return None if encoded in (".", "..") else f"/v1/sessions/{encoded}/details"


def _may_be_its_own(error: ApiError) -> bool:
    """Whether it may be about one session: 503 is documented for details."""
    return not isinstance(error, StatusError) or error.status >= 500


def _collector(context: Context) -> Details:
    return Details(
        api=context.api,
        pending=PendingDetails(context.store, context.ledger),
        telemetry=context.telemetry,
        clock=context.clock,
        interval=context.settings.poll.sessions_interval,
    )


def _interval(settings: Settings) -> float:
    return settings.poll.sessions_interval if settings.sessions.details else 0.0


RESOURCE = Resource(
    NAME, _collector, requests=None, behind=True, every=_interval, setting="sessions.details"
)
