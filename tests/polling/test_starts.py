"""Starts: polls begin one by one, in turns of the event loop, however many are due at once."""

import asyncio
from itertools import pairwise

from exporter.polling.starts import Starts

DUE = 50


async def test_no_two_polls_begin_in_one_turn_of_the_loop() -> None:
    turns = 0
    began: list[tuple[int, int]] = []
    starts = Starts()

    def turn() -> None:
        nonlocal turns
        turns += 1
        if len(began) < DUE:
            asyncio.get_running_loop().call_soon(turn)

    async def poll(number: int) -> None:
        await starts.wait()
        began.append((turns, number))

    turn()
    await asyncio.wait_for(asyncio.gather(*map(poll, range(DUE))), 10)

    assert all(before < after for (before, _), (after, _) in pairwise(began))
    assert [number for _, number in began] == list(range(DUE))


async def test_one_who_gives_up_waiting_holds_up_nobody() -> None:
    starts = Starts()
    first, second, third = (asyncio.create_task(starts.wait()) for _ in range(3))
    await asyncio.sleep(0)

    second.cancel()
    first.cancel()

    await asyncio.wait_for(third, 10)
