"""Turns: what only one may do at a time, shared out fairly among clients."""

import asyncio
from collections import deque

# So many requests of one client wait at most.
MOST_WAITING = 4


class TooManyWaitingError(Exception):
    """The client has as many requests waiting as it may have."""


class Turns:
    """One turn at a time: those who may go first, then one client after the other.

    So a client that asks without pause makes others wait for one turn of its own at each of theirs.
    """

    def __init__(self) -> None:
        self._accepted = False
        # A client is at the end of its queue after each turn; a dict keeps that order.
        self._first: dict[str, deque[asyncio.Future[None]]] = {}
        self._others: dict[str, deque[asyncio.Future[None]]] = {}

    async def take(self, client: str, *, first: bool) -> None:
        """Wait for a turn, which lasts until `end`. Raises TooManyWaitingError."""
        if not self._accepted:
            self._accepted = True
            return
        queue = self._first if first else self._others
        waiting = queue.setdefault(client, deque())
        if len(waiting) >= MOST_WAITING:
            raise TooManyWaitingError(client)
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn in waiting:
                waiting.remove(turn)
            elif not turn.cancelled():
                self.end()  # it came at the moment when nobody waited for it any more
            raise

    def end(self) -> None:
        """The turn is over; the next one begins."""
        for queue in (self._first, self._others):
            while queue:
                client, waiting = next(iter(queue.items()))
                del queue[client]
                if waiting:
                    turn = waiting.popleft()
                    if waiting:
                        queue[client] = waiting
                    turn.set_result(None)
                    return
        self._accepted = False
