"""The demo, as a newcomer runs it: one command, and sessions that grow."""

import asyncio
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from tests.e2e.running import Exporter, Process
from tests.plain import TRUSTS_NOBODY

LINE_SECONDS = 60


@asynccontextmanager
async def demo(**variables: str) -> AsyncIterator[tuple[Process, dict[str, str]]]:
    """A running demo, and the addresses that it told, by what they are."""
    started = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "exporter", "demo", "--web.listen-address=127.0.0.1:0"),
        env=variables,
        stdout=asyncio.subprocess.PIPE,
    )
    assert started.stdout is not None
    told: dict[str, str] = {}
    try:
        while "status page" not in told:
            line = (await asyncio.wait_for(started.stdout.readline(), LINE_SECONDS)).decode()
            assert line, "the demo ended"
            if match := re.match(r"(.+?) {2,}(http\S+)$", line.rstrip()):
                told[match[1]] = match[2]
        yield Process(started), told
    finally:
        if started.returncode is None:
            started.kill()
        await started.communicate()


async def test_the_demo_counts_sessions_that_grow_and_ends_with_its_simulator(
    tmp_path: Path,
) -> None:
    # What would lead to the real API is put aside, and no proxy stands between the two.
    config = tmp_path / "config.yml"
    config.write_text("{api_key_file: key, region: eu}")
    variables = {
        "ISNOTAI_API_KEY": "aik_v1_" + "x" * 40,
        "ISNOTAI_API_KEY_FILE": "key",
        "ISNOTAI_REGION": "eu",
        "ISNOTAI_BASE_URL": "http://127.0.0.1:9",
        "ISNOTAI_CONFIG_FILE": str(config),
        "HTTP_PROXY": "http://127.0.0.1:9",
        "ALL_PROXY": "http://127.0.0.1:9",
    }
    async with demo(**variables) as (process, told):
        url = told["status page"].rstrip("/").replace("localhost", "127.0.0.1")
        async with httpx.AsyncClient(base_url=url, timeout=10, verify=TRUSTS_NOBODY) as client:
            exporter = Exporter(url, client, process)
            first = await exporter.until(
                lambda scrape: scrape.value("isnotai_sessions_total", integration="demo")
            )
            before = first.value("isnotai_sessions_total") or 0.0
            # Its day has quiet hours, with one session each few seconds.
            scrape = await exporter.until(
                lambda scrape: (scrape.value("isnotai_sessions_total") or 0) > before
            )
            assert scrape.value("isnotai_up") == 1
            assert scrape.value("isnotai_api_key_valid") == 1
            assert told["metrics"].endswith("/metrics")

        process.process.terminate()

        assert await process.ended(10) == 0
        async with httpx.AsyncClient(verify=TRUSTS_NOBODY) as client:
            with pytest.raises(httpx.TransportError):
                await client.get(told["simulated API"] + "/health")
