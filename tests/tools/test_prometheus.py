"""A real Prometheus scrapes a daemon that reads the simulator, and PromQL gives the truth."""

import asyncio
import subprocess
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic
from typing import Any

import httpx
import pytest

from exporter import cli
from exporter.simulator.truth import SCORE_BOUNDS
from tests.e2e.running import client_of, in_process, process
from tests.e2e.simulation import simulated
from tests.ports import free_port

pytestmark = pytest.mark.tools

WAIT_SECONDS = 30.0
CONFIG = """
global: {{scrape_interval: 1s, scrape_timeout: 1s}}
scrape_configs:
- job_name: isnotai
  static_configs: [{{targets: ['{target}']}}]
"""


BY_INTEGRATION = """
global: {{scrape_interval: 1s, scrape_timeout: 1s}}
scrape_configs:
- job_name: isnotai
  http_sd_configs: [{{url: 'http://{target}/sd', refresh_interval: 1s}}]
- job_name: exporter
  params: {{integration: ['']}}
  static_configs: [{{targets: ['{target}']}}]
"""


class Prometheus:
    """A running Prometheus, asked in PromQL."""

    def __init__(self, program: asyncio.subprocess.Process, client: httpx.AsyncClient) -> None:
        self._program = program
        self._client = client

    @property
    def url(self) -> str:
        """Where it answers."""
        return str(self._client.base_url).rstrip("/")

    async def query(self, promql: str) -> dict[str, float]:
        """Values of an instant query, by their labels less job and instance, as `a=1,b=2`."""
        answer = await self._client.get("/api/v1/query", params={"query": promql})
        assert answer.status_code == 200, answer.text
        return {
            ",".join(
                f"{name}={value}"
                for name, value in sorted(series["metric"].items())
                if name not in ("__name__", "job", "instance")
            ): float(series["value"][1])
            for series in answer.json()["data"]["result"]
        }

    async def get(self, path: str, **params: str) -> Any:
        answer = await self._client.get(path, params=params)
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]

    async def until(self, promql: str, expected: Mapping[str, float]) -> None:
        """Wait until the query gives exactly this."""
        deadline = monotonic() + WAIT_SECONDS
        while (found := await self.query(promql)) != expected:
            if monotonic() >= deadline:
                assert found == expected
            await self._moment()

    async def until_ready(self) -> None:
        deadline = monotonic() + WAIT_SECONDS
        while True:
            try:
                if (await self._client.get("/-/ready")).status_code == 200:
                    return
            except httpx.TransportError:
                assert monotonic() < deadline, "Prometheus does not answer"
            await self._moment()

    async def _moment(self) -> None:
        """Give way for a moment, or fail where Prometheus has ended."""
        try:
            await asyncio.wait_for(self._program.wait(), 0.2)
        except TimeoutError:
            return
        raise AssertionError("Prometheus ended by itself")


def complaints(promtool: Path, text: str) -> tuple[int, str]:
    """What `promtool check metrics` gives and says."""
    checked = subprocess.run(
        [promtool, "check", "metrics"],
        input=text,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return checked.returncode, checked.stdout + checked.stderr


@asynccontextmanager
async def prometheus(
    program: Path,
    target: str,
    folder: Path,
    settings: str = CONFIG,
    flags: Sequence[str] = (),
) -> AsyncIterator[Prometheus]:
    """A Prometheus that scrapes `target` every second."""
    config = folder / "prometheus.yml"
    config.write_text(settings.format(target=target.removeprefix("http://")))
    address = f"127.0.0.1:{free_port()}"
    with (folder / "prometheus.log").open("wb") as log:
        running = await asyncio.create_subprocess_exec(
            program,
            f"--config.file={config}",
            f"--storage.tsdb.path={folder / 'tsdb'}",
            f"--web.listen-address={address}",
            *flags,
            stdout=log,
            stderr=log,
        )
        try:
            async with httpx.AsyncClient(base_url=f"http://{address}", timeout=10) as client:
                asked = Prometheus(running, client)
                await asked.until_ready()
                yield asked
        finally:
            running.terminate()
            await asyncio.wait_for(running.wait(), 20)


async def test_promql_gives_the_truth_once_the_world_froze(
    tool: Callable[[str], Path], tmp_path: Path
) -> None:
    async with (
        simulated() as api,
        process(api.variables) as daemon,
        client_of(daemon) as exporter,
        prometheus(tool("prometheus"), exporter.url, tmp_path) as asked,
    ):
        await exporter.until(lambda scrape: scrape.value("isnotai_session_bot_score_count"))
        api.freeze()
        await exporter.until_counted(api.truth)
        truth = api.truth()
        label = "integration=default"

        await asked.until("isnotai_sessions_total", {label: truth.sessions})
        await asked.until("isnotai_bot_sessions_total", {label: truth.bot_sessions})
        await asked.until(
            "isnotai_session_flags_total > 0",
            {f"flag={flag},{label}": count for flag, count in truth.flags.items()},
        )
        await asked.until("isnotai_session_bot_score_count", {label: truth.score_count})
        await asked.until(
            "round(isnotai_session_bot_score_sum, 0.01)", {label: round(truth.score_sum, 2)}
        )
        buckets = {
            f"{label},le={bound}": count
            for bound, count in zip(SCORE_BOUNDS, truth.score_buckets, strict=True)
        }
        await asked.until('isnotai_session_bot_score_bucket{le!="+Inf"}', buckets)

        assert set((await asked.query("up")).values()) == {1.0}
        told = await asked.get("/api/v1/metadata", metric="isnotai_sessions_total")
        told |= await asked.get("/api/v1/metadata", metric="isnotai_sessions")
        assert {entry["type"] for entries in told.values() for entry in entries} == {"counter"}


async def test_promtool_has_no_complaint_about_the_metrics(tool: Callable[[str], Path]) -> None:
    """But for one: a distribution that is a snapshot can be no histogram, which only counts up."""
    on = {f"ISNOTAI_POLL_{name}_INTERVAL": "1s" for name in ("USERS", "COURSES", "OPENAPI")}
    async with simulated() as api, in_process({**api.variables, **on}) as exporter:
        scrape = await exporter.until(
            lambda scrape: (
                scrape.value("isnotai_session_bot_score_count")
                and scrape.value("isnotai_resource_up") == 9
            )
        )

    code, said = complaints(tool("promtool"), scrape.text)
    assert code == 3
    lines = said.splitlines()
    assert set(lines) == {
        'isnotai_user_max_bot_score non-histogram metrics should not have "le" label'
    }


async def test_promtool_makes_blocks_of_a_backfill_and_promql_gives_its_truth(
    tool: Callable[[str], Path], tmp_path: Path
) -> None:
    output = tmp_path / "history.om"
    async with simulated(rate=0.0, static_sessions=600, history=timedelta(hours=5)) as api:
        end = (api.service.now().timestamp() - 3600) // 300 * 300
        to = datetime.fromtimestamp(end, UTC).isoformat()
        command = ["backfill", "--from=6h", f"--to={to}", "--output", str(output)]
        assert await asyncio.to_thread(cli.main, command, api.variables) == 0
        all_sessions = api.truth()
        rest = api.service.world.truth(datetime.fromtimestamp(end, UTC))
    made = await asyncio.create_subprocess_exec(
        tool("promtool"),
        *("tsdb", "create-blocks-from", "openmetrics", output, tmp_path / "tsdb"),
        stdout=asyncio.subprocess.DEVNULL,
    )
    assert await asyncio.wait_for(made.wait(), 60) == 0

    async with prometheus(tool("prometheus"), "http://127.0.0.1:9", tmp_path) as asked:
        at_end = f"@ {end:.0f}"
        label = "integration=default"
        assert await asked.query(f"isnotai_sessions_total {at_end}") == {
            label: all_sessions.sessions - rest.sessions
        }
        assert await asked.query(f"isnotai_bot_sessions_total {at_end}") == {
            label: all_sessions.bot_sessions - rest.bot_sessions
        }
        assert await asked.query(f"isnotai_session_flags_total {at_end} > 0") == {
            f"flag={flag},{label}": count - rest.flags.get(flag, 0)
            for flag, count in all_sessions.flags.items()
        }
        assert await asked.query(f"isnotai_session_bot_score_count {at_end}") == {
            label: all_sessions.score_count - rest.score_count
        }
        an_hour = await asked.query(f"increase(isnotai_sessions_total[1h] {at_end})")
        assert an_hour[label] == pytest.approx(600 / 5, rel=0.2)


async def test_each_integration_is_scraped_as_a_target_of_its_own(
    tool: Callable[[str], Path], tmp_path: Path
) -> None:
    async with simulated() as api:
        (tmp_path / "key").write_text(api.variables["ISNOTAI_API_KEY"])
        (tmp_path / "other").write_text("aik_v1_" + "0" * 40)
        file = tmp_path / "settings.yml"
        file.write_text(
            f"integrations:\n- {{name: good, api_key_file: {tmp_path}/key}}\n"
            f"- {{name: bad, api_key_file: {tmp_path}/other}}\n"
        )
        variables = {**api.variables, "ISNOTAI_CONFIG_FILE": str(file), "ISNOTAI_API_KEY": ""}
        async with (
            process(variables) as daemon,
            client_of(daemon) as exporter,
            prometheus(tool("prometheus"), exporter.url, tmp_path, BY_INTEGRATION) as asked,
        ):
            await asked.until(
                "isnotai_api_key_valid", {"integration=good": 1, "integration=bad": 0}
            )
            await asked.until('sum(up{job="isnotai"})', {"": 2})
            host = exporter.url.removeprefix("http://")
            for name in ("good", "bad"):
                instance = f'{{job="isnotai",instance="{host}/{name}"}}'
                await asked.until(f"up{instance}", {"": 1})
                await asked.until(f"count(isnotai_up{instance})", {"": 1})
            await asked.until('count(isnotai_exporter_series{job="exporter"})', {"": 1})
            assert await asked.query('isnotai_exporter_series{job="isnotai"}') == {}
            assert await asked.query('isnotai_up{job="exporter"}') == {}
