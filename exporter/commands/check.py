"""The check: does it all work, what will it cost, which series will it make. It writes no state.

Every endpoint is asked once, as the daemon would ask it, with a ledger in memory that is thrown
away. Exit code 0: all is well; 1: something failed; 2: the settings are bad. It prints neither the
key nor anything that the API says of people.
"""

import asyncio
import random
from collections.abc import Collection, Iterator, Mapping

from exporter.api import tiers
from exporter.api.retry import RetryPolicy
from exporter.clock import Clock, SystemClock
from exporter.collect import registry
from exporter.commands import cost
from exporter.commands.command import Line, make_command
from exporter.commands.one_shot import one_shot_pipeline
from exporter.ledger import statefile
from exporter.log import configure
from exporter.metrics import snapshot as snapshots
from exporter.metrics.snapshot import Group
from exporter.net.failures import timed_out
from exporter.pipeline import Pipeline
from exporter.polling.frame import Poller
from exporter.redaction import redact
from exporter.settings.load import Loaded, load_parsed
from exporter.settings.model import Account, BudgetSettings, Settings
from exporter.terminal import complain, say
from exporter.web import webconfig

LONGEST_SECONDS = 60.0
"""The bound on all requests to one integration."""

_SAID_OF_KEY = {
    True: "accepted",
    False: "refused: missing, mistyped, revoked, or of the other region; the API does not tell",
    None: "unknown: no authenticated answer",
}


def run(line: Line) -> int:
    """Check everything; the exit code. Raises SettingsError."""
    loaded = load_parsed(line.flags, line.environ)
    configure("error", loaded.settings.log.format)
    try:
        good = asyncio.run(_check(loaded, SystemClock()))
    except webconfig.WebConfigError as error:
        complain(error)
        return 2
    return 0 if good else 1


async def _check(loaded: Loaded, clock: Clock) -> bool:
    settings = loaded.settings
    if settings.web.config_file is not None:
        webconfig.load(settings.web.config_file)
    _say("settings", "can be used")
    for warning in loaded.warnings:
        _warn(f"{warning.setting}: {warning.message}")
    good = _state(settings)
    for account in settings.accounts():
        good = await _integration(settings, account, clock) and good
    _say("verdict", "all is well" if good else "something failed")
    return good


def _state(settings: Settings) -> bool:
    """Whether the file at state.path is absent or ours. It is read, never written."""
    path = settings.state.path
    if path is None:
        _say("state", "in memory: a restart counts from then on")
        return True
    try:
        path = statefile.resolve(path)
        condition = statefile.examine(path)
    except (statefile.ForeignStateError, OSError) as error:
        problem = error.strerror if isinstance(error, OSError) else str(error)
        _say("state", f"FAILED: {problem}")
        return False
    if condition == "absent" and not path.parent.is_dir():
        _say("state", f"FAILED: there is no folder {path.parent}")
        return False
    said = {"absent": "will be made", "ours": "is there", "damaged": "is damaged; it is set aside"}
    _say("state", f"{path} {said[condition]}")
    return True


async def _integration(settings: Settings, account: Account, clock: Clock) -> bool:
    """Ask each endpoint of one integration once, and say what came of it."""
    say()
    _say("account", account.integration)
    _say("address", f"{account.base_url} (region {account.region})")
    # Without retries. The dozen requests of a check may spend the whole of the tier's limit.
    whole = settings.model_copy(update={"budget": BudgetSettings(share=1.0)})
    once = RetryPolicy(random.random, attempts=1)
    async with one_shot_pipeline(whole, account, clock, once) as pipeline:
        took = await _poll_all(pipeline.pollers, clock)
        return _report(settings, pipeline, took)


async def _poll_all(pollers: Collection[Poller], clock: Clock) -> dict[str, float]:
    """Seconds that each poll took; a resource that did not end in time is left out."""
    took: dict[str, float] = {}

    async def poll(poller: Poller) -> None:
        began = clock.monotonic()
        await poller.poll()
        took[poller.resource] = clock.monotonic() - began

    tasks = [asyncio.create_task(poll(poller)) for poller in pollers]
    try:
        if tasks:
            await asyncio.wait(tasks, timeout=LONGEST_SECONDS)
    finally:
        # Those that are late, or all where the check itself is cut short.
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return took


def _report(settings: Settings, pipeline: Pipeline, took: Mapping[str, float]) -> bool:
    tier = pipeline.budget.tier
    limits = tiers.limits(tier)
    key = "none: its file is missing or empty" if pipeline.gate.missing else None
    _say("key", key or _SAID_OF_KEY[pipeline.gate.valid])
    _say(
        "tier",
        f"{tier or 'unknown, counted as free'}: {limits.requests} requests/minute, "
        f"{limits.page_size} items a page, {limits.history_days} days of history",
    )
    good = True
    for poller in pipeline.pollers:
        state = poller.state
        pages = pipeline.telemetry.requests.value(poller.resource, "200")
        if poller.resource not in took and poller.resource in registry.BEHIND and pages:
            _say(poller.resource, f"answered; its {pages:.0f} pages read are not all of them")
            continue
        if poller.resource not in took:
            _say(poller.resource, f"FAILED: {timed_out(LONGEST_SECONDS, 'waiting')}")
        elif state.error is not None:
            _say(poller.resource, f"FAILED: {state.error}")
        else:
            _say(poller.resource, f"answered in {took[poller.resource]:.2f} s")
        good = good and state.up and state.error is None
    if settings.poll.sessions_interval and pipeline.telemetry.invalid_items.value("sessions"):
        _warn("some sessions have fields of a wrong type; they are skipped and counted as invalid")
    _cost(settings, pipeline)
    _series(pipeline)
    return good


def _cost(settings: Settings, pipeline: Pipeline) -> None:
    """Requests an hour, against the budget, at the rate of the busiest hour."""
    tier, rate = pipeline.budget.tier, pipeline.busiest_rate
    walked = {name: pipeline.telemetry.requests.value(name, "200") for name in registry.BEHIND}
    requests = cost.requests_per_hour(settings, tier, rate or 0.0, walked)
    allowed = cost.allowed_per_hour(settings, tier)
    total = sum(requests.values())
    parts = ", ".join(f"{resource} {number:.0f}" for resource, number in requests.items())
    _say("requests", f"about {total:.0f} an hour ({parts})")
    _say("budget", f"{allowed:.0f} an hour: {_share(settings)} of the tier's requests")
    if not settings.poll.sessions_interval:
        if total > allowed:
            _warn("the budget is too small for these intervals; polls will wait for it")
        return
    capacity = cost.capacity(settings, tier)
    seen = "unknown" if rate is None else f"{rate:.2f} sessions/s in the busiest of the last hours"
    _say("load", seen)
    _say(
        "capacity",
        f"re-reads what is not settled at each poll up to {capacity.rhythm:.2f} sessions/s, "
        f"keeps up to {capacity.limit:.1f} sessions/s",
    )
    for line in warnings(capacity, rate):
        _warn(line)


def _share(settings: Settings) -> str:
    share, replicas = settings.budget.share, settings.budget.replicas
    return f"{share:g}" if replicas == 1 else f"{share:g} / {replicas}"


def warnings(capacity: cost.Capacity, rate: float | None) -> Iterator[str]:
    """What the budget cannot keep up with."""
    if capacity.limit <= 0:
        yield (
            "the other resources spend the whole budget: lengthen their intervals or raise "
            "budget.share"
        )
    elif rate is not None and rate > capacity.limit:
        yield (
            "the budget cannot keep up with the busiest hour: the frontier falls behind and "
            "catches up later; what leaves the tier's history before that is lost"
        )
    elif rate is not None and rate > capacity.rhythm:
        yield (
            "in the busiest hour sessions are re-read less often than every poll: changes of their "
            "scores and flags show later"
        )


def _series(pipeline: Pipeline) -> None:
    group = Group(pipeline.account.integration, pipeline.samples())
    made = snapshots.build([group], 0.0)
    per_integration = [family for family in made.families if family.metric.per_integration]
    _say("series", f"{sum(family.series for family in per_integration)} of this integration now:")
    for family in per_integration:
        bound = family.metric.max_values
        more = "" if bound is None else f" (label values bounded by {bound} and other)"
        say(f"    {family.series:5} {family.metric.exposed_name}{more}")


def _say(what: str, text: str) -> None:
    say(redact.text(f"{what:12} {text}"))


def _warn(text: str) -> None:
    _say("warning", text)


command = make_command("check", run, __doc__)
