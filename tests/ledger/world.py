"""The world that sessions come from, as a state machine: what happens though nobody polls.

Times are seconds, but for those of sessions, which are microseconds.
"""

from random import Random

from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule

from exporter.api.times import MICROSECONDS
from exporter.places import Place
from tests.clocks import FakeClock
from tests.ledger.listing import Fake
from tests.ledger.machine import OVERLAP, SETTLE, PollingMachine

MOST = 250
"""So many sessions at most, so that a history is told in a second."""

OFF = [120, 900, 7200, 100 * 3600, -90, -900, -7200, -100 * 3600]
"""So many seconds are wrong Dates off."""

COURSE = Place("course", r"/courses/(\d+)", most=3)
QUIZ = Place("quiz", "/quizzes/")

FLAGS = ("headless", "no-mouse", "webdriver", "fast-typing")
AFTERNOON, BEFORE_MIDNIGHT = 1_790_000_000.0, 1_790_035_000.0
ORDERS = ["newest", "oldest", "by_id", "updated", "updated_oldest", "random"]
TIERS = ["free", "pro", "enterprise", None]


def page_of(number: int) -> str | None:
    """Of five courses, of which one is rare, and some with quizzes; now and then of none."""
    if number % 7 == 0:
        return None
    course = 4 if number % 11 == 0 else number * number % 4
    quiz = f"/quizzes/{number}" if number % 3 == 0 else ""
    return f"https://lms.example/courses/{course}{quiz}?user={number}#courses/9"


class LedgerMachine(PollingMachine):
    """Sessions that begin, show up late, change and end, and an API with habits of its own."""

    @initialize(
        order=st.sampled_from(ORDERS),
        offsets=st.booleans(),
        dates=st.sampled_from(["exact", "day", "midnight"]),
        page_size=st.integers(1, 4),
        began=st.sampled_from([AFTERNOON, BEFORE_MIDNIGHT]),
        skew=st.sampled_from([0.0, -400.0, 517.3]),
        steady=st.booleans(),
        repeat=st.booleans(),
        short=st.sampled_from([None, None, (2, 0), (2, 1), (3, 0)]),
        off=st.sampled_from([0, 0, *OFF]),
        overlap=st.sampled_from([OVERLAP, 2 * SETTLE]),
        lookback=st.sampled_from([0.0, 300.0]),
        latency=st.sampled_from([0.05, 0.05, 0.5, 2.0]),
        share=st.sampled_from([1.0, 0.1]),
        budgeted=st.sampled_from([False, False, True]),
    )
    def start(
        self,
        order: str,
        offsets: bool,
        dates: str,
        page_size: int,
        began: float,
        skew: float,
        steady: bool,
        repeat: bool,
        short: tuple[int, int] | None,
        off: int,
        overlap: int,
        lookback: float,
        latency: float,
        share: float,
        budgeted: bool,
    ) -> None:
        self.make_bench(
            offsets=offsets,
            overlap=overlap,
            lookback=lookback,
            clock=FakeClock(began),
            share=share,
            budgeted=budgeted,
            places=(COURSE, QUIZ),
            details=True,
            findings=True,
            order=order,
            date_filter=dates,
            page_size=page_size,
            skew=skew,
            latency=latency,
        )
        self.listing.repeat = repeat
        if short is not None:
            # Fewer items than asked for, or none, though there are more.
            every, items = short
            self.listing.short = lambda number: items if number % every == 0 else None
        self.listing.tier = "free"
        # A walk that takes an hour of the budget fails; with an empty page after each it is longer.
        self.most = 100 if share < 1 and page_size < 4 else MOST
        self.first_start = self.listing.now() - round(lookback * MICROSECONDS)
        # A session is in the list at most an overlap after its createdAt, by a clock that did not
        # go back. Where it does, createdAt goes back with it, so what the clock ever lags behind
        # its own fastest run is lateness too, and the two together are what an overlap allows.
        self.latest = overlap - 2 if steady else overlap // 2 - 2
        self.back = 0 if steady else overlap // 2
        self.fastest = skew
        self.set_back = False
        for number in range(9):
            # What is older than the lookback never counts, if by more than a Date can be trusted,
            # and by more than the clock is set back, as the first start moves back with it.
            created = self.first_start - (90 + self.back + 30 * number**2) * MICROSECONDS
            old = Fake(f"old{number}", created, created, created, "closed", 0.9, ["headless"])
            self.listing.sessions[old.id] = old
        self.begin(off)

    def begin(self, off: int) -> None:
        """Once the world is there; the first Date that it tells is to be so many seconds off."""

    def add(
        self,
        created: int,
        late: float,
        score: float | None,
        status: str = "active",
        broken: bool = False,
    ) -> None:
        """One session; `late`: seconds after its createdAt from which the list shows it."""
        if len(self.listing.sessions) >= self.most:
            return
        created = max(created, self.first_start + 2 * MICROSECONDS)
        identity = self.next_name()
        self.listing.sessions[identity] = Fake(
            identity,
            created,
            visible=created + round(late * MICROSECONDS),
            updated=self.listing.now(),
            status=status,
            score=score,
            broken=broken,
            page=page_of(self.number),
            user=None if self.number % 6 == 0 else f"u{self.number % 5}",
        )

    @rule(
        late=st.floats(0, 1),
        ago=st.floats(0, 5),
        score=st.none() | st.floats(0, 1),
        status=st.sampled_from(["active", "closed"]),
        broken=st.sampled_from([False, False, False, True]),
        copies=st.integers(1, 4),
    )
    def insert(
        self, late: float, ago: float, score: float | None, status: str, broken: bool, copies: int
    ) -> None:
        """New sessions, some of which show up late; none reaches past the overlap."""
        created = self.listing.now() - round(ago * MICROSECONDS)
        for _ in range(copies):
            self.add(created, late * self.latest, score, status, broken)

    @rule(
        copies=st.integers(10, 60),
        score=st.none() | st.floats(0, 1),
        status=st.sampled_from(["active", "closed"]),
    )
    def burst(self, copies: int, score: float | None, status: str) -> None:
        """Many pages of sessions, created over as long as may pass before the list shows them."""
        now = self.listing.now()
        for place in range(copies):
            late = self.latest * place / copies
            self.add(now - round(late * MICROSECONDS), late, score, status)

    @rule(
        minutes=st.sampled_from([2, 20, 200]),
        copies=st.integers(10, 60),
        score=st.none() | st.floats(0, 1),
        killed=st.booleans(),
    )
    def outage(self, minutes: int, copies: int, score: float | None, killed: bool) -> None:
        """No poll while the world goes on."""
        for _ in range(copies):
            self.bench.clock.advance(minutes * 60 / copies)
            self.add(self.listing.now(), 0, score, "closed")
        if killed:
            self.bench.restart()

    @rule(
        pick=st.randoms(use_true_random=False),
        many=st.integers(1, 20),
        score=st.floats(0, 1),
        flag=st.sampled_from(FLAGS),
    )
    def change(self, pick: Random, many: int, score: float, flag: str) -> None:
        """Sessions change: their score rises, a flag is added.

        They are active, or their last change is not yet an overlap ago by any clock so far.
        """
        now = self.listing.now() + self.back * MICROSECONDS
        fresh = now - self.latest * MICROSECONDS
        young = [
            it
            for it in self.listing.sessions.values()
            if it.status == "active" or it.updated > fresh
            if now - it.created < (SETTLE // 2) * MICROSECONDS
        ]
        for it in pick.sample(young, min(many, len(young))):
            it.score = max(score, it.score or 0.0)
            if flag not in it.flags:
                it.flags.append(flag)
            it.updated = self.listing.now()

    @rule(
        pick=st.randoms(use_true_random=False),
        many=st.integers(1, 20),
        status=st.sampled_from(["closed", None]),
    )
    def close(self, pick: Random, many: int, status: str | None) -> None:
        """Sessions end."""
        active = [it for it in self.listing.sessions.values() if it.status == "active"]
        for it in pick.sample(active, min(many, len(active))):
            it.status = status
            it.updated = self.listing.now()

    @rule(seconds=st.sampled_from([1, 5, 10, 30, 100, 1000]))
    def wait(self, seconds: int) -> None:
        self.bench.clock.advance(seconds)

    @precondition(lambda self: self.bench.state.origin is not None)
    @rule(step=st.sampled_from([2, 7, 45, 90, 400]), forward=st.booleans())
    def set_the_clock_of_the_server(self, step: int, forward: bool) -> None:
        """Forward by anything; back by no more than the overlap allows (see `start`).

        A session created by a clock that is further back lies behind the frontier as one does that
        is later than an overlap: it counts only while an older one is unsettled. And what the clock
        showed before the first answer nobody can know, so it is not set before that.
        """
        moved = self.listing.skew + (step if forward else -step)
        self.listing.skew = max(moved, self.fastest - self.back)
        self.set_back |= self.listing.skew < self.fastest
        self.fastest = max(self.fastest, self.listing.skew)

    @rule(tier=st.sampled_from(TIERS))
    def change_tier(self, tier: str | None) -> None:
        self.listing.tier = tier
