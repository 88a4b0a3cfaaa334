"""One endpoint, and how something is sent there: on a thread of its own, one at a time.

Neither polls nor scrapes wait for it, and a failure is told in words, never raised. It imports the
OpenTelemetry SDK with its first client only.
"""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress

from exporter.net.failures import timed_out
from exporter.net.proxies import UnusableAddressError
from exporter.net.trust import CertificateFileError
from exporter.publish.otlp_client import Client
from exporter.publish.otlp_settings import OtlpSettings

Connect = Callable[[OtlpSettings, float], Client]
Export = Callable[[Client], str | None]
"""Sends with that client; says what went wrong, None where nothing did."""


class Sender:
    """Sends to one endpoint.

    settings: by which it sends now. connect: makes a client that gives up after so many seconds.
    """

    def __init__(self, settings: OtlpSettings, connect: Connect) -> None:
        self.settings = settings
        self._connect = connect
        self._client: Client | None = None
        self._adjusted = False
        self._sending: asyncio.Future[str | None] | None = None

    def adjust(self, settings: OtlpSettings, connect: Connect) -> None:
        """Send there from the next time on."""
        self.settings = settings
        self._connect = connect
        self._adjusted = True

    async def open(self) -> str | None:
        """Make the client, whose imports take long; what went wrong, None where nothing did."""
        return await self._send(self._open, self.settings.export_timeout)

    async def send(self, export: Export) -> str | None:
        """Send within the export's time-out; what went wrong, None where nothing did."""
        if self._sending is not None and not self._sending.done():
            return "the export before it still runs"
        limit = self.settings.export_timeout
        return await self._send(lambda: export(self._opened()), limit)

    async def send_last(self, export: Export, seconds: float) -> str | None:
        """Send within that time, and close.

        It has a client of its own: one that hangs must not take the last numbers with it.
        """
        limit = min(seconds, self.settings.export_timeout)
        return await self._send(lambda: self._export_last(export, limit), limit)

    def _export_last(self, export: Export, limit: float) -> str | None:
        if self._client is not None:
            self._client.shutdown()
        client = self._connect(self.settings, min(self.settings.timeout, limit))
        try:
            return export(client)
        finally:
            client.shutdown()

    async def _send(self, export: Callable[[], str | None], limit: float) -> str | None:
        """Run `export`, which says what went wrong, on a thread; None where nothing did."""
        self._sending = sending = on_thread(export)
        try:
            async with asyncio.timeout(limit):
                # Shielded: the future tells later whether the thread still runs.
                return await asyncio.shield(sending)
        except TimeoutError:
            return timed_out(limit, "waiting")
        except (CertificateFileError, UnusableAddressError) as error:
            return str(error)
        except Exception as error:  # noqa: BLE001 - the SDK may raise anything; polls and scrapes go on
            return f"{type(error).__name__}: {error}"

    def _open(self) -> None:
        self._opened()

    def _opened(self) -> Client:
        if self._client is not None and (self._adjusted or self._client.outdated):
            self._client.shutdown()
            self._client = None
        self._adjusted = False
        if self._client is None:
            limit = min(self.settings.timeout, self.settings.export_timeout)
            self._client = self._connect(self.settings, limit)
        return self._client


def on_thread(call: Callable[[], str | None]) -> "asyncio.Future[str | None]":
    """The result of `call`, made on a daemon thread: neither loop nor process waits for its end."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[str | None] = loop.create_future()

    def finish(result: str | None, error: BaseException | None) -> None:
        if future.done():
            return
        if error is not None:
            future.set_exception(error)
            # Nobody may be left to ask, after a time-out.
            future.exception()
        else:
            future.set_result(result)

    def run() -> None:
        result, failure = None, None
        try:
            result = call()
        except Exception as error:  # noqa: BLE001 - carried to whoever waits
            failure = error
        # The loop may be closed by now.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(finish, result, failure)

    threading.Thread(target=run, name="otlp", daemon=True).start()
    return future
