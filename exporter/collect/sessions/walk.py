"""What the walk over one slice shows, besides what it counts."""

from dataclasses import dataclass

from exporter.api.times import MICROSECONDS


@dataclass(slots=True)
class WalkLog:
    """Where the createdAt of the sessions lie that one walk has shown so far.

    window: what was asked for, [start, end]. outside: sessions beyond it, by more than a second.
    doubted: a window that an earlier walk showed empty. refuted: sessions of it that are there.
    last: the latest createdAt.
    """

    window: tuple[int, int | None] = (0, None)
    doubted: tuple[int, int] | None = None
    last: int = 0
    outside: int = 0
    refuted: int = 0

    def place(self, created: int) -> None:
        """Take note of one session's createdAt."""
        self.last = max(self.last, created)
        start, end = self.window
        early = created < start - MICROSECONDS
        self.outside += early or (end is not None and created > end + MICROSECONDS)
        if self.doubted is not None:
            self.refuted += self.doubted[0] <= created < self.doubted[1]
