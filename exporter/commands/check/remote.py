"""What the API says to one integration: every endpoint is asked once, as the daemon would ask it.

The ledger is in memory and thrown away. Neither the key nor anything that the API says of people
becomes part of a finding.
"""

import asyncio
import random
import ssl
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import Any

from exporter.api import tiers
from exporter.api.answer import Api
from exporter.api.errors import ApiError, KeyRefusedError
from exporter.api.retry import RetryPolicy
from exporter.api.schema.stats import read_stats
from exporter.clock import Clock
from exporter.collect import registry
from exporter.collect.openapi import OpenApi
from exporter.commands.check import local
from exporter.commands.check.costs import costs
from exporter.commands.check.findings import Finding, Report
from exporter.commands.one_shot import one_shot_pipeline
from exporter.commands.screen import BAD, GOOD, WARN
from exporter.metrics import snapshot as snapshots
from exporter.metrics.snapshot import Group
from exporter.net.http import httpx
from exporter.pipeline import Pipeline
from exporter.polling.frame import Poller
from exporter.settings.durations import format_duration, parse_duration
from exporter.settings.model import BASE_URLS, Account, BudgetSettings, Settings

LONGEST_SECONDS = 60.0
"""The bound on all requests to one integration."""

DAY_SECONDS = 86_400.0
MOST_NAMES = 8


async def integration(
    settings: Settings, account: Account, clock: Clock, *, probe_regions: bool
) -> Report:
    """Ask one integration, and say what came of it. Raises SettingsError."""
    # Without retries. The dozen requests of a check may spend the whole of the tier's limit.
    whole = settings.model_copy(update={"budget": BudgetSettings(share=1.0)})
    once = RetryPolicy(random.random, attempts=1)
    ends: list[float] = []

    async def note_certificate(response: httpx.Response) -> None:
        stream = response.extensions.get("network_stream")
        peer = stream.get_extra_info("ssl_object") if stream is not None else None
        if isinstance(peer, ssl.SSLObject | ssl.SSLSocket) and (shown := peer.getpeercert()):
            ends.append(float(ssl.cert_time_to_seconds(str(shown["notAfter"]))))

    async with one_shot_pipeline(whole, account, clock, once, note_certificate) as pipeline:
        took = await _poll_all(pipeline.pollers, clock)
        findings = [*_account(pipeline), *_endpoints(pipeline, took)]
        findings += [local.certificate("certificate", min(ends), clock.now())] if ends else []
        skew = pipeline.server_clock.skew(clock.monotonic(), clock.now())
        findings += local.clock(skew, clock.now())
        findings += _tier(settings, pipeline.budget.tier)
        if pipeline.gate.valid:
            findings += await _claims(pipeline)
            findings += await _patterns(settings, pipeline.api)
        if probe_regions:
            findings += await _regions(whole, account, clock, once)
        requests = pipeline.telemetry.requests
        walked = {name: requests.value(name, "200") for name in registry.BEHIND}
        findings += costs(settings, pipeline.budget.tier, pipeline.busiest_rate, walked)
        states = [it.state for it in pipeline.pollers]
        good = sum((it.up or it.idle) and it.error is None for it in states)
        series = _series(pipeline)
        summary = (
            f"{good} of {len(pipeline.pollers)} endpoints answered, "
            f"tier {pipeline.budget.tier or 'unknown'}, {sum(n for _, n in series)} series"
        )
        return Report(findings, account.integration, summary, series)


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


def _account(pipeline: Pipeline) -> Iterator[Finding]:
    """The address, the key and the tier."""
    account, gate, tier = pipeline.account, pipeline.gate, pipeline.budget.tier
    yield Finding(GOOD, "address", f"{account.base_url} (region {account.region})")
    if gate.missing:
        yield Finding(BAD, "key", "none: its file is missing or empty", "put the key there")
    elif gate.valid is False:
        yield Finding(
            BAD,
            "key",
            "refused: missing, mistyped, revoked, or of the other region; the API does not tell",
            "copy it again from the dashboard; --probe-regions asks the other region",
        )
    elif gate.valid:
        yield Finding(GOOD, "key", "accepted")
    else:
        yield Finding(WARN, "key", "unknown: no authenticated answer")
    limits = tiers.limits(tier)
    known = tier if tier is not None else "unknown, counted as free"
    yield Finding(
        GOOD if tier else WARN,
        "tier",
        f"{known}: {limits.requests} requests/minute, "
        f"{limits.page_size} items a page, {limits.history_days} days of history",
    )


def _endpoints(pipeline: Pipeline, took: Mapping[str, float]) -> Iterator[Finding]:
    """A line for each; those that fail with the same words share one."""
    failed: dict[str, list[str]] = {}
    for poller in pipeline.pollers:
        if poller.resource in took and poller.state.error is not None:
            failed.setdefault(str(poller.state.error), []).append(poller.resource)
    for poller in pipeline.pollers:
        name, state = poller.resource, poller.state
        pages = pipeline.telemetry.requests.value(name, "200")
        if name not in took and name in registry.BEHIND and pages:
            text = f"answered; the {pages:.0f} pages that were read are not all of them"
            yield Finding(GOOD, name, text)
        elif name not in took:
            yield Finding(BAD, name, f"no answer within {LONGEST_SECONDS:g} s", ask_again(name))
        elif state.error is not None:
            alike = failed[str(state.error)]
            if len(alike) == 1:
                yield Finding(BAD, name, str(state.error), ask_again(name))
            elif name == alike[0]:
                text = f"{state.error} ({', '.join(alike)})"
                yield Finding(BAD, "endpoints", text, "the daemon tries again by itself")
        elif state.idle:
            yield Finding(GOOD, name, "nothing to ask for yet")
        else:
            yield Finding(GOOD, name, f"answered in {took[name]:.2f} s")
        for note in poller.collector.notes if isinstance(poller.collector, OpenApi) else ():
            yield Finding(WARN if note.warns else GOOD, "contract", note.text, note.remedy)
    if pipeline.telemetry.invalid_items.value("sessions"):
        yield Finding(
            WARN, "sessions", "some have fields of a wrong type, and are counted as invalid"
        )


def ask_again(resource: str) -> str:
    """The remedy where one endpoint fails: it names the setting that switches it off."""
    switch = next(it.switch for it in registry.RESOURCES if it.name == resource)
    off = "0" if switch.endswith("_interval") else "false"
    return f"the daemon tries again by itself; {switch}: {off} leaves it out"


def _tier(settings: Settings, tier: str | None) -> Iterator[Finding]:
    """What the settings ask for and the tier does not have."""
    days = tiers.limits(tier).history_days
    history = days * DAY_SECONDS
    long = [it for it in settings.analytics.windows if parse_duration(it) > history]
    if settings.poll.analytics_interval and long:
        yield Finding(
            WARN,
            "windows",
            f"analytics.windows {', '.join(long)} reach beyond the tier's {days} days",
            "leave them out",
        )
    lookback = settings.sessions.lookback
    if lookback > history:
        yield Finding(
            WARN,
            "lookback",
            f"sessions.lookback {format_duration(lookback)} reaches beyond the tier's {days} days",
            f"{days}d is all there is",
        )


async def _claims(pipeline: Pipeline) -> list[Finding]:
    """Whether the API names another region than the settings, where it names one."""
    try:
        answer = await pipeline.api.get("/v1/integration", resource="integration")
    except ApiError:
        return []  # told already, as the endpoint's own finding
    said = _region_in(answer.body)
    region = pipeline.account.region
    if said is None or said == region:
        return []
    return [
        Finding(
            WARN,
            "region",
            f"the API says {said}, the setting is {region}, which api_region shows",
            f"set region to {said}",
        )
    ]


def _region_in(body: Any) -> str | None:
    """A field `region` whose value is one of the regions, with or without `data` round it."""
    for part in (body, body.get("data") if isinstance(body, dict) else None):
        if isinstance(part, dict) and isinstance(said := part.get("region"), str):
            found = said.strip().lower()
            return found if found in BASE_URLS else None
    return None


async def _patterns(settings: Settings, api: Api) -> list[Finding]:
    """Patterns of stats.include that no stat matches."""
    include = settings.stats.include
    if not settings.poll.stats_interval or include == ("*",):
        return []
    try:
        names = sorted(read_stats((await api.get("/v1/stats", resource="stats")).body).values)
    except ApiError:
        return []  # told already, as the endpoint's own finding
    idle = [glob for glob in include if not any(fnmatchcase(name, glob) for name in names)]
    some = ", ".join(names[:MOST_NAMES]) + (", …" if len(names) > MOST_NAMES else "")
    return [
        Finding(WARN, "stats", f"stats.include {glob} matches nothing", f"there are {some}")
        for glob in idle
    ]


async def _regions(
    settings: Settings, account: Account, clock: Clock, once: RetryPolicy
) -> list[Finding]:
    """Whether the key belongs to the other region. It is shown to that one."""
    found = []
    for region, url in BASE_URLS.items():
        if region == account.region:
            continue
        other = replace(account, region=region, base_url=url)
        async with one_shot_pipeline(settings, other, clock, once) as pipeline:
            try:
                await pipeline.api.get("/v1/integration", resource="integration")
            except KeyRefusedError:
                found.append(Finding(GOOD, "regions", f"{region} refuses the key as well"))
            except ApiError as error:
                found.append(Finding(WARN, "regions", f"{region}: {error}"))
            else:
                remedy = f"set region to {region}"
                found.append(Finding(BAD, "regions", f"the key belongs to {region}", remedy))
    return found


def _series(pipeline: Pipeline) -> list[tuple[str, int]]:
    group = Group(pipeline.account.integration, pipeline.samples())
    made = snapshots.build([group], 0.0)
    return [
        (family.metric.exposed_name, family.series)
        for family in made.families
        if family.metric.per_integration
    ]
