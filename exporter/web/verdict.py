"""The verdict of the status page: what is wrong, worst first, in words, with the next step.

Pure: values in, findings out. It decides what is said; how it looks is the page's business.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import get_args

from exporter.collect import registry
from exporter.web.backend import Finding, Health, IntegrationStatus, Level, Reload

ORDER: tuple[Level, ...] = get_args(Level)

BEHIND_SECONDS = 900.0
"""As the alert NotAIFrontierBehind has it."""


def findings(
    integrations: Sequence[IntegrationStatus],
    health: Health,
    ready: Health,
    reload: Reload | None,
    problem: str | None = None,
) -> tuple[Finding, ...]:
    """All that is to be said, worst first; one finding of level good where nothing is wrong.

    problem: why the database that replicas share cannot be used; None where it can.
    """
    found = list(_of_exporter(health, reload))
    polled = [it for it in integrations if it.polls]
    if problem is not None:
        found.append(
            Finding(
                "bad",
                "state",
                "database away",
                f"The database cannot be used: {problem}.",
                "The last commit is shown, and nothing is lost while the API's history reaches "
                "back. See state.url and the database; it is tried again by itself.",
            )
        )
    else:
        found += _grouped(map(_unpolled, (it for it in integrations if not it.polled)))
    found += _grouped(one for it in polled for one in _of_integration(it))
    if ready.ok:
        found += _grouped(one for it in polled for one in _of_first_polls(it))
    else:
        waiting = "; ".join(ready.problems)
        found.append(Finding("unknown", "exporter", "starting", f"It is starting: {waiting}."))
    if not found:
        found.append(_all_is_well(integrations))
    return tuple(sorted(found, key=lambda one: ORDER.index(one.level)))


def _all_is_well(integrations: Sequence[IntegrationStatus]) -> Finding:
    resources = sum(bool(it.up) for one in integrations for it in one.resources)
    polled = sum(one.polls for one in integrations)
    words = f"{resources} resources of {_number(polled)} are read."
    if polled < len(integrations):
        words += f" Other replicas poll {_number(len(integrations) - polled)}."
    return Finding("good", "exporter", "all is well", words)


def _number(integrations: int) -> str:
    return f"{integrations} integration{'' if integrations == 1 else 's'}"


def _of_exporter(health: Health, reload: Reload | None) -> Iterator[Finding]:
    if not health.ok:
        yield Finding(
            "bad",
            "exporter",
            "not healthy",
            f"It is not healthy: {'; '.join(health.problems)}.",
            "Restart it; what was counted is kept where state.path is set. If it happens again, "
            "report it with the log.",
        )
    if reload is not None and reload.problem is not None:
        yield Finding(
            "warning",
            "settings",
            "reload failed",
            f"The last reload failed, and the settings from before it are in use: "
            f"{reload.problem.rstrip('.')}.",
            "Correct the file and reload again.",
        )


def _unpolled(one: IntegrationStatus) -> Finding:
    return Finding(
        "unknown",
        "counting",
        "polled by no replica",
        "No replica polls it.",
        "One takes it within seconds, if it can reach the database.",
        (one.name,),
    )


def _of_integration(one: IntegrationStatus) -> Iterator[Finding]:
    mine = (one.name,)
    if one.key_state == "missing":
        yield Finding(
            "bad",
            "key",
            "key missing",
            "There is no key: its file is missing, empty or cannot be read.",
            "Put the key into the file that api_key_file names; it is read again by itself.",
            mine,
        )
        return
    if one.key_state == "refused":
        how = (
            "Put another key into its file, which is read again by itself."
            if one.key_file
            else "Set another key and restart."
        )
        yield Finding(
            "bad",
            "key",
            "key refused",
            f"The API refuses the key (401). A key of another region than {one.api_region or 'us'} "
            "looks the same.",
            f"Compare key and region with the Not AI dashboard. {how}",
            mine,
        )
        return
    yield from _of_resources(one)
    if one.behind is not None and one.behind > BEHIND_SECONDS and one.answered:
        yield Finding(
            "warning",
            "counting",
            "counting is behind",
            "Counting is more than a quarter of an hour behind.",
            "After an outage it catches up by itself. If it does not, the budget is too small "
            "for the load: see budget.share.",
            mine,
        )


def _of_resources(one: IntegrationStatus) -> Iterator[Finding]:
    mine = (one.name,)
    failing = [it for it in one.resources if it.up is False]
    down = _is_down(one)
    others = "; the others are not concerned" if one.answered else ""
    if down:
        error = next((it.last_error for it in failing if it.resource not in registry.KEYLESS), None)
        yield Finding(
            "bad",
            "API",
            "API down",
            f"Nothing is read from the API: {error or 'no attempt succeeded'}.",
            "Nothing is lost while its history reaches back. Check the network, proxies and "
            "base_url; it is tried again by itself.",
            mine,
        )
    for it in () if down else failing:
        yield Finding(
            "warning",
            "API",
            f"{it.resource} not read",
            f"{it.resource} is not read: {it.last_error or 'the last attempt failed'}.",
            f"It is tried again by itself{others}.",
            mine,
        )
    for it in one.resources:
        if it.up and it.consecutive_failures:
            yield Finding(
                "bad",
                "state",
                "counts not committed",
                f"Counts cannot be committed: {it.last_error or 'the state cannot be written'}.",
                "Check the disk of state.path. What was not committed is read again.",
                mine,
            )


def _is_down(one: IntegrationStatus) -> bool:
    """Whether nothing is read of all that was asked for with the key."""
    asked = [
        it for it in one.resources if it.up is not None and it.resource not in registry.KEYLESS
    ]
    return bool(asked) and not any(it.up for it in asked)


def _of_first_polls(one: IntegrationStatus) -> Iterator[Finding]:
    """What was never read though the start is over; walks behind the others may take an hour."""
    waiting = [
        it.resource for it in one.resources if it.up is None and it.resource not in registry.BEHIND
    ]
    if waiting and one.key_state in ("unknown", "valid") and not _is_down(one):
        yield Finding(
            "unknown",
            "API",
            "not all was read yet",
            f"The first poll has not ended: {', '.join(waiting)}.",
            "Requests that fail are tried again, and wait for the request budget.",
            (one.name,),
        )


def _grouped(found: Iterable[Finding]) -> Iterator[Finding]:
    """Findings that say the same of several integrations, as one."""
    names = defaultdict[Finding, list[str]](list)
    for one in found:
        same = replace(one, integrations=())
        names[same].extend(one.integrations)
    for same, concerned in names.items():
        yield replace(same, integrations=tuple(dict.fromkeys(concerned)))
