"""What each threshold of the alerts may be, for the generator of rules and for `backtest`."""

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a threshold may be: finite, above one number, and perhaps not above another."""

    above: float = 0.0
    most: float = math.inf
    below: float = math.inf

    def allow(self, value: float) -> bool:
        """Whether a threshold may have this value; none may be infinite or no number."""
        return math.isfinite(value) and self.above < value < self.below and value <= self.most

    def __str__(self) -> str:
        said = f"a number above {self.above:g}"
        if self.most < math.inf:
            said += f", {self.most:g} at most"
        if self.below < math.inf:
            said += f" and below {self.below:g}"
        return said


ABOVE_ZERO = Bounds()
ABOVE_USUAL = Bounds(above=1.0)
PART = Bounds(most=1.0)
BOUNDS = {
    "page_ratio": ABOVE_USUAL,
    "ticket_ratio": ABOVE_USUAL,
    "hint_ratio": ABOVE_USUAL,
    "flag_ratio": ABOVE_USUAL,
    "score_shift": PART,
    "holiday_floor": PART,
    "steady_share": PART,
    "prior_share": Bounds(below=1.0),
    "prior_flags": Bounds(most=200.0),
}
"""What is more than ABOVE_ZERO; the chart's values.schema.json says the same."""


def bounds(name: str) -> Bounds:
    """What the threshold of that name may be."""
    return BOUNDS.get(name, ABOVE_ZERO)
