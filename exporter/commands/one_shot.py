"""A pipeline for one command: the daemon's, in memory, and gone when the command ends."""

import os
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from exporter.api.retry import RetryPolicy
from exporter.clock import Clock
from exporter.collect.registry import polled_names
from exporter.counting import make_ledger
from exporter.ledger.store import Store
from exporter.metrics.telemetry import Telemetry, dropped_counter
from exporter.net.http import httpx
from exporter.net.network import Network
from exporter.pipeline import Pipeline, connect
from exporter.polling.timetable import Timetable
from exporter.settings.model import Account, Settings
from exporter.shared import Shared


@asynccontextmanager
async def one_shot_pipeline(
    settings: Settings,
    account: Account,
    clock: Clock,
    retry: RetryPolicy | None = None,
    on_response: Callable[[httpx.Response], Awaitable[None]] | None = None,
) -> AsyncIterator[Pipeline]:
    """One integration, wired as the daemon wires it, with its state in memory; nothing polls.

    retry: what is tried again within one poll; None: as the daemon does.
    on_response: sees each response before its body is read.
    Raises SettingsError where no connection could be made with these settings and variables.
    """
    started = (clock.now(), clock.monotonic())
    store = Store(None, clock.now)
    shared = Shared(
        store, clock, lambda name: None, retry or RetryPolicy(random.random), Timetable(clock)
    )
    telemetry = Telemetry(started[0], polled_names(settings), dropped_counter(started[0]))
    ledger = make_ledger(account.integration, settings, shared, telemetry, started)
    http = connect(account.base_url, Network.read(os.environ, settings.tls.ca_file))
    if on_response is not None:
        http.event_hooks["response"].append(on_response)
    pipeline = Pipeline(account, settings, shared, http, telemetry=telemetry, ledger=ledger)
    try:
        yield pipeline
    finally:
        await pipeline.close()
        await store.close()
