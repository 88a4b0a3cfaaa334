"""Alerts for those who watch for AI agents.

They weigh evidence instead of asking for a floor: how unlikely it is that so many bots came by
chance, if as many as usual were to come. So they serve a hundred sessions a day and 200,000 alike.
"""

from alerts.generate.model import Alert, Fact, Group
from alerts.generate.recording import SHORTEST, SLOW
from alerts.generate.series import (
    BOTS,
    EVIDENCE,
    EXPECTED,
    FLAG_SITE,
    FLAGS,
    HOLIDAY,
    LAG,
    SCORES,
    SESSIONS,
    SITE,
    USUAL,
    lasting,
    threshold,
)

PERCENT = "humanizePercentage"
SHORTEST_WEEK = "[1w:30m] offset 6h"

_MATCH_RATIO = f'max by ({SITE}, window) (isnotai_analytics_user_match_ratio{{window="24h"}})'


def _of(record: str, window: str, where: str = "") -> str:
    """What is recorded of a window."""
    series = record + window + where
    return lasting(series) if window in SLOW else series


def _raised(window: str, ratio: str, evidence: str) -> str:
    bots, expected = _of(BOTS + "increase", window), _of(EXPECTED, window)
    return (
        "(\n"
        f"  {bots} > {ratio} * {expected}\n"
        f"  and {_of(EVIDENCE, window)} > {threshold(evidence)}\n"
        f"  and {bots} >= {threshold('min_bots')}\n"
        ")"
    )


def _any(tier: str, since: str, fast: tuple[str, ...], *windows: str) -> str:
    """Any of the windows, at a site that is known for so long: before, nothing is usual.

    fast: the conditions on the shortest windows, which are judged most often and ask for more.
    """
    ratio, evidence = threshold(f"{tier}_ratio"), f"{tier}_evidence"
    raised = "\nor\n".join((*fast, *(_raised(window, ratio, evidence) for window in windows)))
    known = f"({SESSIONS}max2m offset {since} or {SESSIONS}max2m offset 1d)"
    return f"(\n{raised}\n)\nand on ({SITE})\n{known}"


FAST_PAGE = tuple(
    _raised(window, threshold("page_ratio"), "fast_evidence") for window in (SHORTEST, "10m", "20m")
)
FAST_TICKET = (_raised("1h", f"4 / 3 * {threshold('ticket_ratio')}", "ticket_evidence"),)
FAST_HINT = (_raised("10m", threshold("hint_ratio"), "hint_evidence"),)


OTHER_WINDOW = {"1h": "3h", "6h": "1h", "1d": "1h"}
"""Which window else an alert tells of, beside its own."""


def _facts(window: str) -> dict[str, Fact]:
    bots, expected = _of(BOTS + "increase", window, "{site}"), _of(EXPECTED, window, "{site}")
    usual = lasting(f"{USUAL}_per_human{{site}}")
    facts = {
        "bots": Fact(bots),
        "expected": Fact(expected, 'printf "%.1f"'),
        "share": Fact(f"{bots} / ({_of(SESSIONS + 'increase', window, '{site}')} > 0)", PERCENT),
        "usual": Fact(f"{usual} / (1 + {usual})", PERCENT),
        "recent": Fact(f"{BOTS}increase10m{{site}}"),
        "minutes": Fact(
            f"count_over_time(({BOTS}increase10m{{site}} > 2 * {EXPECTED}10m{{site}})[1d:1m])"
            f" or 0 * {SESSIONS}max2m{{site}}"
        ),
    }
    other = OTHER_WINDOW[window]
    return facts | {
        "other": Fact(_of(BOTS + "increase", other, "{site}")),
        "other_expected": Fact(_of(EXPECTED, other, "{site}"), 'printf "%.1f"'),
    }


def _told(window: str) -> str:
    """What an alert on bots says. Another window may have raised it, so one is told as well."""
    other = OTHER_WINDOW[window]
    return (
        f"[[bots]] bots in the last {window}, where [[expected]] are usual: [[share]] of the "
        "sessions instead of [[usual]] at this time of day. [[recent]] of them came in the last "
        f"10 min. In the last {other} [[other]] came, where [[other_expected]] are usual. Bots "
        "were at more than twice the usual for [[minutes]] min of the last day."
    )


def _stopped(window: str, span: int, times: float) -> str:
    """Hardly a session in a window that should have had enough, and of which no minute is missing.

    times: of the least number that a window must have had; the first hours of a holiday, which
    nothing foretells, look like a silence on a small site.
    """
    seen, expected = f"{SESSIONS}increase{window}", f"{SESSIONS}expected{window}"
    least = threshold("silence_sessions")
    return (
        "(\n"
        f"  {seen} <= 0.02 * {expected}\n"
        f"  and {expected} >= {times} * {least}\n"
        f"  and count_over_time({SESSIONS}increase1m[{window}]) >= {span}\n"
        ")"
    )


SHIFT = f"{lasting(SCORES + 'mean6h')} - {lasting(SCORES + 'usual_mean6h')}"

RULES = (
    Alert(
        "NotAIBotShareSpike",
        _any("page", "2h", FAST_PAGE, "1h", "3h"),
        "Wave of AI agents at {{ $labels.integration }}",
        _told("1h"),
        severity="critical",
        keep="30m",
        audience="security",
        dashboard="notai-security",
        facts=_facts("1h"),
    ),
    Alert(
        "NotAIBotShareRaised",
        _any("ticket", "6h", FAST_TICKET, "6h", "1d"),
        "More AI agents than usual at {{ $labels.integration }}",
        _told("1d"),
        hold="5m",
        keep="2h",
        audience="security",
        dashboard="notai-security",
        facts=_facts("1d"),
    ),
    Alert(
        "NotAIBotShareHint",
        _any("hint", "6h", FAST_HINT, "1h", "6h", "1d"),
        "Somewhat more AI agents than usual at {{ $labels.integration }}",
        _told("6h"),
        severity="info",
        keep="2h",
        audience="security",
        dashboard="notai-security",
        facts=_facts("6h"),
    ),
    Alert(
        "NotAIScoreShift",
        f"""\
(
  {SHIFT} > {threshold("score_shift")}
  or
  {SHIFT} < -{threshold("score_shift")}
)
and {_of(SESSIONS + "increase", "6h")} > 0.5 * {lasting(SESSIONS + "usual6h")}
and {_of(SESSIONS + "increase", "6h")} < 2 * {lasting(SESSIONS + "usual6h")}""",
        "Bot scores have shifted at {{ $labels.integration }}",
        'The mean bot score of the last 6 h is [[mean]], {{ printf "%+.2f" $value }} from the '
        "usual [[usual]] of this time of day.",
        hold="30m",
        keep="2h",
        audience="security",
        dashboard="notai-security",
        facts={
            "mean": Fact(lasting(f"{SCORES}mean6h{{site}}"), 'printf "%.2f"'),
            "usual": Fact(lasting(f"{SCORES}usual_mean6h{{site}}"), 'printf "%.2f"'),
        },
    ),
    Alert(
        "NotAIFlagSurge",
        f"""\
{FLAGS}increase1h > {threshold("flag_ratio")} * {FLAGS}expected1h
and {FLAGS}evidence1h > {threshold("flag_evidence")}
and {FLAGS}increase1h >= {threshold("min_flags")}""",
        "Flag {{ $labels.flag }} surges at {{ $labels.integration }}",
        '{{ printf "%.0f" $value }} of the [[sessions]] sessions of the last hour have the flag '
        "{{ $labels.flag }}: more than [[ratio]] times as many as at this time in the week before.",
        hold="2m",
        keep="1h",
        audience="security",
        dashboard="notai-security",
        facts={
            "sessions": Fact(f"{SESSIONS}increase1h{{site}}"),
            "ratio": Fact(threshold("flag_ratio", bare=True), 'printf "%.1f"'),
        },
    ),
    Alert(
        "NotAINewFlag",
        f"""\
{FLAGS}max2m{{flag!="other"}}
unless on ({FLAG_SITE})
last_over_time({FLAGS}max2m{SHORTEST_WEEK})
and on ({SITE})
{SESSIONS}max2m offset 1d""",
        "Flag {{ $labels.flag }} is new at {{ $labels.integration }}",
        'The API gave the flag {{ $labels.flag }} to {{ printf "%.0f" $value }} sessions within '
        "the last 6 h; it was not seen in the week before.",
        severity="info",
        hold="2m",
        audience="security",
        dashboard="notai-security",
    ),
    Alert(
        "NotAISessionsStopped",
        f"""\
(
{_stopped("20m", 18, 1)}
or
{_stopped("28m", 26, 1)}
or
{_stopped("2h", 110, 2.2)}
)
unless on ({SITE})
max by ({SITE}) (max_over_time(isnotai_up[10m])) == 0
unless on ({SITE})
min by ({SITE}) (last_over_time({LAG}[10m])) > 900
unless on (integration)
{HOLIDAY} > 0
unless on ()
{HOLIDAY}{{integration=""}} > 0""",
        "Hardly any session is recorded at {{ $labels.integration }}",
        "[[seen]] sessions in the last 20 min, where [[expected]] were to be expected by other "
        "days and the hours before, and [[long]] in the last 2 h, where [[long_expected]] were, "
        "though the API is read well: the pixel may be broken or gone from the pages.",
        severity="critical",
        # The hours before fall with a silence, until they are none: no page pauses for that.
        keep="1h",
        audience="security",
        dashboard="notai-security",
        facts={
            "seen": Fact(f"{SESSIONS}increase20m{{site}}"),
            "expected": Fact(f"{SESSIONS}expected20m{{site}}"),
            "long": Fact(f"{SESSIONS}increase2h{{site}}"),
            "long_expected": Fact(f"{SESSIONS}expected2h{{site}}"),
        },
    ),
    Alert(
        "NotAIUserMatchingFell",
        f"""\
{_MATCH_RATIO}
< 0.75 * quantile_over_time(0.5, {_MATCH_RATIO}[1w:1h] offset 1d)
and on ({SITE}, window)
max by ({SITE}, window) (isnotai_analytics_sessions) >= 100""",
        "Fewer sessions are matched to users at {{ $labels.integration }}",
        "{{ $value | humanizePercentage }} of the sessions of {{ $labels.window }} are matched to "
        "a user, less than three quarters of what the week before had.",
        hold="1h",
        keep="1h",
        audience="security",
        dashboard="notai-security",
    ),
)

GROUP = Group("notai-security", "1m", RULES)
