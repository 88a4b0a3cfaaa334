"""What a site may tune: each number here is an option of the generator and a value of the chart.

What each may be stands in exporter/backtest/bounds.py, since `backtest` is asked the same.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Defaults are those that the laboratory found; docs/alerts.md has its table.

    A ratio is how many times the usual number is too many; evidence is how unlikely chance is, as
    B·ln(B/E) − B + E (12 is about one in a million windows); min_ is the least that counts.
    """

    page_ratio: float = 2.5
    page_evidence: float = 8.0
    fast_evidence: float = 10.5
    ticket_ratio: float = 1.4
    ticket_evidence: float = 6.0
    hint_ratio: float = 1.3
    hint_evidence: float = 5.0
    min_bots: float = 5.0
    flag_ratio: float = 3.0
    flag_evidence: float = 12.0
    min_flags: float = 10.0
    score_shift: float = 0.2
    silence_sessions: float = 15.0
    holiday_floor: float = 0.6
    """The part of the usual number of bots that is expected even when no people come."""
    steady_share: float = 0.25
    """The part of the bots that keeps no hours, and does not come and go with the people."""
    prior_share: float = 0.05
    prior_bots: float = 1.0
    """What is believed before anything was seen: so many bots, at that share."""
    prior_flags: float = 1.0
    """The same for a flag: so many sessions of 200."""
