"""What a commit has to tell once it is done: log lines, the exporter's own counters, exemplars.

Nothing of it is counted twice: it follows the commit, and a process that dies between the two has
told nobody.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from exporter.api.schema.session import MOST_FLAGS
from exporter.ledger import state as states
from exporter.log import get_logger
from exporter.metrics.model import Exemplar
from exporter.metrics.telemetry import Telemetry

_OUT_OF_BOUNDS = {
    "botScore": "scores outside of 0 to 1 are not counted; "
    "if the API's go to 100, set sessions.bot_score_scale to 100",
    "detectionFlags": f"only the first {MOST_FLAGS} flags of a session are counted",
}
"""What is said of a field, once, that is out of bounds."""

_log = get_logger(__name__)


@dataclass(slots=True)
class Effects:
    """What is to happen outside the state once it is committed."""

    folded: Counter[str] = field(default_factory=Counter)
    invalid: int = 0
    scores: list[tuple[float, str | None]] = field(default_factory=list)
    odd: set[str] = field(default_factory=set)
    """Fields that were out of bounds."""


class Teller:
    """Tells what follows from the commits of one integration."""

    def __init__(self, telemetry: Telemetry) -> None:
        self._telemetry = telemetry
        self._odd: set[str] = set()
        self._exemplars: Mapping[int, Exemplar] = {}

    @property
    def exemplars(self) -> Mapping[int, Exemplar]:
        """The last session of each bucket of the score; another mapping once one changes."""
        return self._exemplars

    def forget_exemplars(self) -> None:
        """Show no session any more."""
        self._exemplars = {}

    def tell(self, effects: Effects, now: float, *, exemplars: bool) -> None:
        """Called after the commit, at Unix seconds of our clock."""
        if effects.invalid:
            self._telemetry.invalid_items.inc("sessions", by=effects.invalid)
        for family, amount in effects.folded.items():
            self._telemetry.dropped.inc(family, by=amount)
        for name in sorted(effects.odd - self._odd):
            _log.warning("session_field_out_of_bounds", field=name, message=_OUT_OF_BOUNDS[name])
        self._odd |= effects.odd
        fresh = {
            states.score_place(score): Exemplar((("session_id", identity),), score, now)
            for score, identity in (effects.scores if exemplars else ())
            if identity is not None
        }
        if fresh:
            self._exemplars = {**self._exemplars, **fresh}
