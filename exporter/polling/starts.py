"""One poll begins in each turn of the event loop, so that none begins while there is more to do.

A process that gets too little of the processor would begin all that is due. Then so much is under
way that answers time out before they are looked at, and are asked for again: it never catches up.
"""

import asyncio


class Starts:
    """The order in which the polls of a process begin: as they come."""

    def __init__(self) -> None:
        self._next = asyncio.Lock()

    async def wait(self) -> None:
        """Wait until all that was due before has had its turn, one poll in each."""
        async with self._next:
            await asyncio.sleep(0)
