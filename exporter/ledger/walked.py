"""How far this process has read, so that a state that is lost can go on from there.

Only memory holds it: a new process goes by the frontier in its state.
"""

from dataclasses import dataclass

from exporter.api.times import MICROSECONDS

MOST_WINDOWS = 100
"""Windows remembered past holes; older ones are forgotten, and would be counted again."""


@dataclass(slots=True)
class Walked:
    """What this process has read so far, should the state be lost. Times are of createdAt.

    to: all before it was read. beyond: later windows, [start, end), that tails read while a sweep
    came no further; the latest MOST_WINDOWS of them.
    """

    to: int = 0
    beyond: tuple[tuple[int, int], ...] = ()

    def note(self, start: int, at: int, frontier: int) -> None:
        """A whole walk over [start, now), begun at `at`; all before the frontier had been read."""
        start -= start % MICROSECONDS  # as its filter was written
        to, beyond = max(frontier, self.to), list[tuple[int, int]]()
        for window in sorted([*self.beyond, (start, at)]):
            if window[0] <= to:
                to = max(to, window[1])
            elif beyond and window[0] <= beyond[-1][1]:
                beyond[-1] = (beyond[-1][0], max(beyond[-1][1], window[1]))
            else:
                beyond.append(window)
        self.to, self.beyond = to, tuple(beyond[-MOST_WINDOWS:])
