"""Where the counting of one integration stands: immutable, replaced after each commit."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from exporter.api.schema.flags import is_label
from exporter.api.times import MICROSECONDS, MINUTE
from exporter.ledger.recent import Recent
from exporter.ledger.rules import Bounds, Rules, Tally
from exporter.metrics import catalogue
from exporter.metrics.model import OTHER, Exemplar, Histogram, Sample, bucket

Counts = Mapping[tuple[str, str], float]

SESSIONS = ("sessions", "")
BOTS = ("bots", "")
LATE = ("late", "")
GAP = ("gap", "")
STEP_BACKS = ("step_backs", "")
SCORE_SUM = ("score_sum", "")
FLAG = "flag"
BOT_FLAG = "bot_flag"
PLACE = "place"
BOT_PLACE = "bot_place"
EVENT = "event"
DETAIL = "detail"
DURATION = "duration"
DURATION_SUM = ("duration_sum", "")
FINDING = "finding"
SCORE = "score"


@dataclass(frozen=True, slots=True)
class LedgerState:
    """What was last committed. Times: microseconds since 1970 by the API's clock.

    first_start, begun: when the first process and when counting started, Unix seconds of our clock.
    origin, horizon, frontier: None until the API's clock was first seen.
    counts: by name and label. started: when each of them began at 0, Unix seconds.
    minutes: sessions counted, by the minute of createdAt, as far back as they are asked for.
    oldest: createdAt of the oldest unsettled session; None: there is none.
    findings: log records that wait for the Collector.
    forgotten: windows that tails had read past a hole before a state was damaged; in memory only.
    recent: the last day for the status page; in memory only.
    """

    row: int
    first_start: float
    begun: float
    origin: int | None = None
    horizon: int | None = None
    frontier: int | None = None
    unsettled: int = 0
    active: int = 0
    oldest: int | None = None
    counts: Counts = field(default_factory=dict)
    started: Counts = field(default_factory=dict)
    minutes: Mapping[int, int] = field(default_factory=dict)
    findings: int = 0
    forgotten: tuple[tuple[int, int], ...] = ()
    recent: Recent = field(default_factory=Recent)

    @property
    def bounds(self) -> Bounds:
        """Raises ValueError before the API's clock is known."""
        if self.horizon is None or self.frontier is None:
            raise ValueError("counting has not begun")
        return Bounds(self.horizon, self.frontier, self.forgotten)

    @property
    def reach(self) -> int:
        """How far back walks reach: the older of the frontier and the oldest unsettled session.

        Raises ValueError before the API's clock is known.
        """
        frontier = self.bounds.frontier
        return frontier if self.oldest is None else min(frontier, self.oldest)

    @property
    def kept_from(self) -> int | None:
        """From when on no counted session is without its id; None where no id was forgotten yet.

        Raises ValueError before the API's clock is known.
        """
        horizon = self.bounds.horizon
        rested = self.first_start > self.begun
        if not self.value(SESSIONS) or (horizon == self.origin and not rested):
            return None
        counted = [minute for minute in self.minutes if minute * MINUTE < horizon]
        return (max(counted) + 1) * MINUTE if counted else horizon

    def value(self, key: tuple[str, str]) -> float:
        return self.counts.get(key, 0.0)

    def with_counts(self, changes: Counts, wall: float) -> "LedgerState":
        """With these counts at their new values; a new one began at Unix seconds `wall`."""
        started = {**dict.fromkeys(changes, wall), **self.started}
        return replace(self, counts={**self.counts, **changes}, started=started)

    def sessions_since(self, time: int) -> int:
        """Sessions counted with a createdAt in or after the minute of `time`."""
        first = time // MINUTE
        return sum(count for minute, count in self.minutes.items() if minute >= first)


def score_place(score: float) -> int:
    """The index of the histogram's bucket that a score falls into."""
    return bucket(catalogue.SCORE_BOUNDS, score)


def counted(
    state: LedgerState, tally: Tally, wall: float, max_flags: int
) -> tuple[LedgerState, dict[tuple[str, str], float], Counter[str]]:
    """The state with the tally added, the counts that changed, and what was folded by family."""
    changes: dict[tuple[str, str], float] = {}

    def add(key: tuple[str, str], amount: float) -> None:
        if amount:
            changes[key] = changes.get(key, state.value(key)) + amount

    add(SESSIONS, tally.sessions)
    add(BOTS, tally.bots)
    add(LATE, tally.late)
    admitted = {label for name, label in state.counts if name == FLAG and label != OTHER}
    for flag in tally.flags:
        if is_label(flag) and len(admitted) < max_flags:
            admitted.add(flag)
    folded = Counter[str]()
    for name, metric, flags in (
        (FLAG, catalogue.SESSION_FLAGS, tally.flags),
        (BOT_FLAG, catalogue.BOT_SESSION_FLAGS, tally.bot_flags),
    ):
        for flag, amount in flags.items():
            add((name, flag if flag in admitted else OTHER), amount)
            folded[metric.name] += 0 if flag in admitted else amount
    for name, places in ((PLACE, tally.places), (BOT_PLACE, tally.bot_places)):
        for (place, label), amount in places.items():
            add((name, f"{place}/{label}"), amount)
    buckets = Counter(score_place(score) for score, _ in tally.scores)
    for number, amount in buckets.items():
        add((SCORE, str(number)), amount)
    add(SCORE_SUM, sum(score for score, _ in tally.scores))
    minutes = dict(state.minutes)
    for minute, amount in tally.minutes.items():
        minutes[minute] = minutes.get(minute, 0) + amount
    after = replace(
        state.with_counts(changes, wall),
        unsettled=state.unsettled + tally.unsettled,
        active=state.active + tally.active,
        minutes=minutes,
        recent=state.recent.counted(tally, wall),
    )
    return after, changes, folded


def score_histogram(state: LedgerState, exemplars: Mapping[int, Exemplar]) -> Histogram:
    """The final scores counted so far."""
    bounds = catalogue.SCORE_BOUNDS
    kept = tuple(map(exemplars.get, range(len(bounds) + 1))) if exemplars else ()
    return _histogram(state, bounds, SCORE, SCORE_SUM, kept)


def _histogram(
    state: LedgerState,
    bounds: tuple[float, ...],
    name: str,
    total: tuple[str, str],
    exemplars: tuple[Exemplar | None, ...] = (),
) -> Histogram:
    """What was counted by the buckets of these bounds, as `name`, and summed up as `total`."""
    counts = tuple(int(state.value((name, str(place)))) for place in range(len(bounds) + 1))
    return Histogram(bounds, counts, state.value(total), exemplars)


def _detail_samples(state: LedgerState) -> Iterator[Sample]:
    for name in catalogue.EVENT_TYPES:
        yield Sample(catalogue.BOT_EVENTS, state.value((EVENT, name)), (name,), state.begun)
    lasted = _histogram(state, catalogue.DURATION_BOUNDS, DURATION, DURATION_SUM)
    yield Sample(catalogue.BOT_DURATION, lasted, created=state.begun)
    for outcome in catalogue.DETAIL_OUTCOMES:
        number = state.value((DETAIL, outcome))
        yield Sample(catalogue.BOT_DETAILS, number, (outcome,), state.begun)


def _finding_samples(state: LedgerState) -> Iterator[Sample]:
    for outcome in catalogue.FINDING_OUTCOMES:
        number = state.value((FINDING, outcome))
        yield Sample(catalogue.FINDINGS, number, (outcome,), state.begun)
    yield Sample(catalogue.FINDINGS_WAITING, float(state.findings))


def _place_samples(state: LedgerState, places: Iterable[str]) -> Iterator[Sample]:
    """Of each of these places `other`, and the values that have shown."""
    values = {place: {OTHER} for place in places}
    for name, label in state.counts:
        place, _, value = label.partition("/")
        if name == PLACE and place in values:
            values[place].add(value)
    for place, shown in values.items():
        for value in sorted(shown):
            label = f"{place}/{value}"
            started = state.started.get((PLACE, label), state.begun)
            of_all, of_bots = state.value((PLACE, label)), state.value((BOT_PLACE, label))
            yield Sample(catalogue.PLACE_SESSIONS, of_all, (place, value), started)
            yield Sample(catalogue.PLACE_BOT_SESSIONS, of_bots, (place, value), started)


def samples(
    state: LedgerState,
    exemplars: Mapping[int, Exemplar],
    *,
    gauges: bool,
    rules: Rules | None = None,
) -> Iterator[Sample]:
    """The series of the ledger; `gauges`: also those that go stale.

    rules: what is counted now; None: no more than what always is.
    """
    begun = state.begun
    yield Sample(catalogue.SESSIONS, state.value(SESSIONS), created=begun)
    yield Sample(catalogue.BOT_SESSIONS, state.value(BOTS), created=begun)
    yield Sample(catalogue.LATE_SESSIONS, state.value(LATE), created=begun)
    yield Sample(catalogue.SESSION_GAP, state.value(GAP), created=begun)
    yield Sample(catalogue.SESSION_STEP_BACKS, state.value(STEP_BACKS), created=begun)
    flags = sorted({label for name, label in state.counts if name == FLAG} | {OTHER})
    for flag in flags:
        started = state.started.get((FLAG, flag), begun)
        yield Sample(catalogue.SESSION_FLAGS, state.value((FLAG, flag)), (flag,), started)
        of_bots = state.value((BOT_FLAG, flag))
        yield Sample(catalogue.BOT_SESSION_FLAGS, of_bots, (flag,), started)
    if rules is not None:
        yield from _place_samples(state, [place.name for place in rules.places])
    if rules is not None and rules.details:
        yield from _detail_samples(state)
    if rules is not None and rules.findings:
        yield from _finding_samples(state)
    scores = score_histogram(state, exemplars)
    yield Sample(catalogue.SESSION_BOT_SCORE, scores, created=begun)
    if gauges:
        yield Sample(catalogue.SESSIONS_UNSETTLED, float(state.unsettled))
        yield Sample(catalogue.SESSIONS_ACTIVE, float(state.active))
    if state.frontier is not None:
        yield Sample(catalogue.SESSION_FRONTIER, state.frontier / MICROSECONDS)
