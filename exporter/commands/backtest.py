"""Tells when the shipped alerts would have fired on a site's own past, and how often.

It reads a file of `isnotai-exporter backfill`, best made with `--step 1m`, or a Prometheus, and
evaluates the alerts about sessions minute by minute. It changes nothing, and asks neither the API
nor for a key. The first two weeks of a past are those in which the alerts still learn.
"""

import time
from math import nan
from pathlib import Path

import click

from exporter.backtest import report
from exporter.backtest.bounds import bounds
from exporter.backtest.evaluate import Past
from exporter.backtest.past import DAY, LONGEST_PAST, MINUTE, PastError, read_file
from exporter.backtest.prometheus import read_prometheus
from exporter.backtest.rules import (
    COMPARED,
    GROUPS,
    Outcome,
    Rule,
    RulesError,
    compare,
    missing,
    read_with_rest,
    shipped,
    thresholds,
)
from exporter.commands.command import Line, make_command
from exporter.commands.moments import length
from exporter.net.http import httpx
from exporter.settings.errors import SettingsError, shown
from exporter.terminal import complain, note, say

FACTORS = (1.0, 1.2, 1.5, 2.0)
"""What a second table varies, each as a multiple of the page ratio in use."""
UP = "isnotai_up"
LAST_PORT = 65535


def run(
    line: Line,
    *,
    file: str | None,
    prometheus_url: str | None,
    since: str,
    rules: tuple[str, ...],
    threshold: tuple[str, ...],
) -> int:
    """Print the report; the exit code, 1 where the past could not be read. Raises SettingsError."""
    if (file is None) is (prometheus_url is None):
        raise SettingsError("--file or --prometheus-url: give one of them")
    span = length("--since", since)
    if not MINUTE <= span <= LONGEST_PAST * DAY:
        raise SettingsError(f"--since: must be 1m to {LONGEST_PAST}d, not {shown(since)}")
    url = None if prometheus_url is None else _address(prometheus_url)
    try:
        known, rest = read_with_rest([Path(path) for path in rules] or shipped())
        changed = _changed(threshold, thresholds(known))
        note("reading the past")
        now = time.time()
        if url is None:
            past = read_file(Path(str(file)), now)
        else:
            end = now // 60 * 60
            past = read_prometheus(url, end - span, end, note)
        absent = missing(past, known)
        note(f"evaluating {past.count} minutes")
        ratio = changed.get(COMPARED, thresholds(known)[COMPARED])
        ratios = [ratio * factor for factor in FACTORS]
        outcomes = compare(past, known, [changed | {COMPARED: one} for one in ratios], note)
        outcome = outcomes[0]
        _tell(past, known, outcome, absent)
        say()
        say("not evaluated: the shipped alerts on operations and quota")
        if rest:
            say(f"not evaluated, for their group is none of {', '.join(GROUPS)}: {', '.join(rest)}")
        say()
        for one, found in zip(ratios, outcomes, strict=True):
            count = sum(each.alert == "NotAIBotShareSpike" for each in found.fired)
            say(f"with a page ratio of {one:g}: {count} pages on bots")
        say()
        for text in report.list_pages(outcome.fired, past.start):
            say(text)
        say()
        for text in report.strips(outcome.fired, past.start, past.count):
            say(text)
    except (PastError, RulesError) as error:
        complain(error)
        return 1
    return 0


def _tell(past: Past, known: list[Rule], outcome: Outcome, absent: list[str]) -> None:
    """Print how often each alert fired, and what the past does not hold."""
    alerts = {rule.alert: rule.severity for rule in known if rule.alert}
    for text in report.table(outcome, alerts, past.count):
        say(text)
    if absent:
        say()
        say(f"not in this past: {', '.join(absent)}")
    if UP in absent:
        say(f"without {UP} an outage of the API looks like a silence")


def _address(text: str) -> str:
    """The URL of a Prometheus. Raises SettingsError, which never repeats what may be a password.

    A slash in a password ends the host, so that the rest of it is a path with an `@`.
    """
    try:
        url = httpx.URL(text)
        host = url.host
    except (httpx.InvalidURL, UnicodeError):
        url, host = httpx.URL(), ""
    if (
        url.scheme not in ("http", "https")
        or not host
        or (url.port or 0) > LAST_PORT
        or "@" in url.path
        or url.query
        or url.fragment
    ):
        raise SettingsError(
            "--prometheus-url: must be an http or https URL such as http://localhost:9090; "
            "percent-encode what is special in a password"
        )
    return str(url)


def _changed(given: tuple[str, ...], known: dict[str, float]) -> dict[str, float]:
    """The thresholds that were given as `name=value`. Raises SettingsError."""
    changed = {}
    for text in given:
        name, _, value = text.partition("=")
        if name not in known:
            raise SettingsError(f"--threshold: there is no {name!r}, but {', '.join(known)}")
        try:
            changed[name] = float(value)
        except ValueError:
            changed[name] = nan
        if not bounds(name).allow(changed[name]):
            raise SettingsError(f"--threshold: {name}: must be {bounds(name)}, not {shown(value)}")
    return changed


command = make_command(
    "backtest",
    run,
    __doc__,
    [
        click.Option(["--file"], help="a file that backfill wrote"),
        click.Option(["--prometheus-url"], help="a Prometheus that scrapes the exporter"),
        click.Option(["--since"], default="28d", help="how far back to ask Prometheus [28d]"),
        click.Option(["--rules"], multiple=True, help="rule files instead of the shipped ones"),
        click.Option(["--threshold"], multiple=True, help="name=value, as page_ratio=3.5"),
    ],
    settings=False,
)
