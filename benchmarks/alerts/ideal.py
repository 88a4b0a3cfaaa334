"""How soon a wave could be told at all: by someone who knows the site's true rates.

This watcher sees what an exporter shows, weighs the same evidence as the rules over every window of
up to an hour, and has only the usual number of bots from the term itself. So what the rules need
beyond its time is theirs; what it needs is chance's.
"""

from itertools import accumulate
from math import log

from benchmarks.alerts.term import HOUR, Attack, Term

EVIDENCE = 9.0
"""About one window in 50,000 has it by chance."""
LEAST = 5
"""Bots, as `min_bots`."""
SEEN_AFTER = 1
"""Minutes until a session is in the counters: it is polled and scraped once a minute."""


def since_start(term: Term, attack: Attack) -> int | None:
    """The same for an attack of days, whose windows all begin at its start."""
    came = due = 0.0
    for minute in range(attack.start, attack.end):
        came += term.bots[minute]
        due += term.usual_bots[minute]
        if came >= LEAST and came > due and came * log(came / due) - came + due > EVIDENCE:
            return minute - attack.start + SEEN_AFTER
    return None


def first_minute(term: Term, attack: Attack) -> int | None:
    """Minutes from the attack's start until the evidence is there; None: not while it lasts."""
    start = max(0, attack.start - HOUR)
    bots = list(accumulate(term.bots[start : attack.end], initial=0))
    usual = list(accumulate(term.usual_bots[start : attack.end], initial=0.0))
    for at in range(attack.start - start + 1, len(bots)):
        for before in range(at - 1, max(0, at - HOUR) - 1, -1):
            came, due = bots[at] - bots[before], usual[at] - usual[before]
            if came >= LEAST and came > due and came * log(came / due) - came + due > EVIDENCE:
                return start + at - attack.start - 1 + SEEN_AFTER
    return None
