"""A real Prometheus scrapes replicas that come and go, and the shipped rules give the truth."""

import asyncio
import signal
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from time import time

import pytest
import yaml

from tests.e2e.running import Scrape
from tests.e2e.simulation import simulated
from tests.ports import free_port
from tests.tools.fleet import fleet
from tests.tools.joined import SESSIONS, TARGETS, check_joined, joined, joining
from tests.tools.postgres import Cluster
from tests.tools.test_prometheus import prometheus

pytestmark = [pytest.mark.tools, pytest.mark.timeout(300)]

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "deploy" / "fleet"


def shows(seen: int, found: Scrape) -> bool:
    """Whether so many sessions were counted, or more."""
    return (found.value("isnotai_sessions_total") or 0) >= seen


@pytest.mark.parametrize("name", ["agent.yml", "receiver.yml", "collector.yaml"])
def test_the_examples_are_valid(name: str, tool: Callable[[str], Path]) -> None:
    path = str(EXAMPLES / name)
    if name == "collector.yaml":
        command = [str(tool("otelcol")), "validate", "--config", path]
    else:
        agent = ["--agent"] if name == "agent.yml" else []
        command = [str(tool("promtool")), "check", "config", *agent, path]

    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    assert done.returncode == 0, done.stdout + done.stderr


@asynccontextmanager
async def agents(
    program: Path, folder: Path, targets: list[str], receiver: str
) -> AsyncIterator[None]:
    """Two agents as the example has them, which scrape these targets every second."""
    async with AsyncExitStack() as stack:
        for name in ("agent-a", "agent-b"):
            example = yaml.safe_load((EXAMPLES / "agent.yml").read_text("utf-8"))
            example["global"]["scrape_interval"] = "1s"
            example["global"]["external_labels"]["replica"] = name
            example["scrape_configs"][0]["static_configs"] = [{"targets": targets}]
            example["remote_write"] = [{"url": f"{receiver}/api/v1/write"}]
            config = folder / f"{name}.yml"
            config.write_text(yaml.safe_dump(example))
            log = stack.enter_context((folder / f"{name}.log").open("wb"))
            running = await asyncio.create_subprocess_exec(
                program,
                "--agent",
                f"--config.file={config}",
                f"--storage.agent.path={folder / name}",
                f"--web.listen-address=127.0.0.1:{free_port()}",
                stdout=log,
                stderr=log,
            )
            stack.push_async_callback(running.wait)
            stack.callback(running.terminate)
        yield


async def test_two_agents_and_a_receiver_show_each_session_once(
    postgres: Cluster, tool: Callable[[str], Path], tmp_path: Path
) -> None:
    (tmp_path / "rules.yaml").write_text(joined())
    receiver = yaml.safe_load((EXAMPLES / "receiver.yml").read_text("utf-8"))
    receiver["global"]["evaluation_interval"] = "1s"
    receiver["rule_files"] = ["rules.yaml"]
    async with (
        simulated() as api,
        fleet(postgres, api.variables, api.truth) as ours,
        prometheus(
            tool("prometheus"),
            "",
            tmp_path,
            yaml.safe_dump(receiver),
            flags=("--web.enable-remote-write-receiver",),
        ) as asked,
    ):
        for _ in range(2):
            await ours.start()
        targets = [it.exporter.url.removeprefix("http://") for it in ours.replicas]
        async with agents(tool("prometheus"), tmp_path, targets, asked.url):
            for replica in ours.replicas:
                await replica.exporter.until(partial(shows, 20))
            api.pause()
            api.freeze()
            truth = api.truth()
            await ours.until_all_agree(truth)
            await asked.until(f"sum({SESSIONS})", {"": float(truth.sessions)})
            await asked.until("sum(isnotai_sessions_total)", {"": 4.0 * truth.sessions})


async def test_the_joined_counters_never_fall_and_end_at_the_truth(
    postgres: Cluster, tool: Callable[[str], Path], tmp_path: Path
) -> None:
    began = time()
    async with (
        simulated() as api,
        fleet(postgres, api.variables, api.truth, tmp_path / TARGETS) as ours,
        joining(tool("prometheus"), tmp_path) as asked,
    ):
        for number in (signal.SIGTERM, signal.SIGKILL):
            while len(ours.replicas) < 2:
                await ours.start()
            poller = await ours.poller()
            seen = api.truth().sessions
            for replica in ours.replicas:
                await replica.exporter.until(partial(shows, seen))
            await ours.end(poller, number)
            await ours.poller()
        await ours.start()
        api.pause()
        api.freeze()
        truth = api.truth()
        await ours.until_all_agree(truth)
        await check_joined(asked, truth, began)
        # Without the rule, each session would be there once for each replica.
        await asked.until("sum(isnotai_sessions_total)", {"": 2.0 * truth.sessions})
