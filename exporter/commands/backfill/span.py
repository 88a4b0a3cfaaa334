"""Which past a backfill writes: a range of whole steps, never more than was asked for."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil

from exporter.api.times import MICROSECONDS
from exporter.commands.moments import length, moment, shown
from exporter.settings.durations import format_duration
from exporter.settings.errors import SettingsError

MOST_STEPS = 100_000
"""A file of more steps would not fit into memory beside its hundred series."""

SHORTEST_STEP_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Range:
    """Which past to write: [start, end) in Unix seconds, both whole multiples of step."""

    start: float
    end: float
    step: float

    def __str__(self) -> str:
        step = format_duration(self.step)
        return f"{shown(self.start)} to {shown(self.end)}, every {step}"

    @property
    def micros(self) -> tuple[int, int]:
        """Start and end in microseconds, as the API's times are held."""
        return round(self.start * MICROSECONDS), round(self.end * MICROSECONDS)

    def times(self) -> Iterator[float]:
        """When there are samples: at the start, where all is 0, and at the end of each step."""
        count = round((self.end - self.start) / self.step)
        return (self.start + number * self.step for number in range(count + 1))


@dataclass(frozen=True, slots=True)
class Options:
    """What was asked for, as it was given."""

    from_: str | None
    to: str | None
    step: str


def read_range(options: Options, now: float, settle_after: float, until: float = 0.0) -> Range:
    """The range that the options ask for, rounded to whole steps within it.

    until: where a daemon's own counts begin, Unix seconds; without `--to` the range ends there at
    the latest. 0: none does. Raises SettingsError that names the bad option.
    """
    step = _step(options.step)
    settled = now - settle_after
    if options.from_ is None:
        raise SettingsError("--from: is missing: a time, or how long ago")
    first = moment("--from", options.from_, now)
    last = min(settled, until) if until else settled
    if options.to is not None:
        last = moment("--to", options.to, now)
        if last > settled:
            raise SettingsError(
                "--to: must lie further back than sessions.settle_after, so that nothing changes"
            )
    if last <= first:
        _refuse_order(options, until)
    start, end = ceil(first / step) * step, last // step * step
    if end <= start:
        raise SettingsError(
            f"--step: no whole step of {options.step} lies between {shown(first)} and "
            f"{shown(last)}; shorten it"
        )
    if (end - start) / step > MOST_STEPS:
        raise SettingsError(f"--step: the range has more than {MOST_STEPS} steps; lengthen them")
    return Range(start, end, step)


def _refuse_order(options: Options, until: float) -> None:
    if options.to is None and until:
        raise SettingsError(
            f"--from: the exporter with this state counts since {shown(until)} itself"
        )
    raise SettingsError("--to: must be at least a step later than --from")


def _step(text: str) -> float:
    step = length("--step", text)
    if step < SHORTEST_STEP_SECONDS:
        raise SettingsError("--step: must be at least 1s")
    return step
