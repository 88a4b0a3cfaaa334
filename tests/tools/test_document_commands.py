"""Runs the commands of the documents: a simulated API, a daemon, a Prometheus, and a shell.

Addresses, keys and paths that stand for the reader's own are filled in; nothing else is changed.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.dashboards.trial import stage
from tests.document_commands import ROOT, Commands, all_commands
from tests.ports import free_port
from tests.web_example import write_web_config

pytestmark = pytest.mark.tools

RUN = tuple(one for one in all_commands() if one.said == "run")
SIMULATOR = ("--rate", "0.01", "--bot-share", "0.3", "--history", "8d", "--tier", "enterprise")
SECONDS = 240.0


@dataclass(frozen=True)
class Desk:
    """Where a reader sits: a folder, variables, and what the documents' placeholders stand for."""

    folder: Path
    environ: Mapping[str, str]
    filled: Mapping[str, str]

    def run(self, text: str) -> subprocess.CompletedProcess[str]:
        """What a shell makes of it."""
        for placeholder, value in self.filled.items():
            text = text.replace(placeholder, value)
        if "--output past.om" in text:
            # Each reader begins with an empty folder.
            for left in self.folder.glob("past.om*"):
                left.unlink()
        environ = dict(self.environ)
        if "integrations:" in text:
            # A reader with a list of keys has no other.
            del environ["ISNOTAI_API_KEY"]
        return subprocess.run(
            ["bash", "-euo", "pipefail", "-c", text],
            cwd=self.folder,
            env=environ,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )


@pytest.fixture(scope="module")
def desk(tool: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    folder = tmp_path_factory.mktemp("desk")
    (folder / "alerts").symlink_to(ROOT / "alerts")
    (folder / "dates.txt").write_text("2026-12-19 2027-01-03\n")
    write_web_config(folder)
    exporter = [sys.executable, "-m", "exporter"]
    simulate = [*exporter, "simulate", "--exit-with-parent", "--port", "0", *SIMULATOR]
    port = free_port()
    with stage.running(simulate) as simulator:
        assert simulator.stdout is not None
        told = json.loads(simulator.stdout.readline())
        for name in ("key", "campus.key", "online-school.key"):
            (folder / name).write_text(told["key"])
        environ = {
            "PATH": f"{Path(sys.executable).parent}:{tool('promtool').parent}:{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "HOME": str(folder),
            "ISNOTAI_API_KEY": told["key"],
            "ISNOTAI_BASE_URL": told["url"],
        }
        serving = {
            **environ,
            "ISNOTAI_STATE_PATH": str(folder / "state.db"),
            "ISNOTAI_WEB_LISTEN_ADDRESS": f"127.0.0.1:{port}",
            "ISNOTAI_LOG_LEVEL": "error",
        }
        url = f"http://127.0.0.1:{port}"
        with (
            stage.running(exporter, serving),
            stage.prometheus(tool("prometheus"), folder / "prometheus", "") as prometheus,
        ):
            stage.wait_until("the exporter", lambda: "ready" in stage.fetch(f"{url}/-/ready"))
            filled = {
                "http://localhost:10984": url,
                "http://EXPORTER:10984": url,
                "http://localhost:9090": prometheus,
                "http://127.0.0.1:39811": told["url"],
                "https://api.isnotai.com": told["url"],
                "aik_v1_…": told["key"],
                "/path/of/the/key/file": str(folder / "key"),
            }
            yield Desk(folder, environ, filled)


@pytest.mark.parametrize("commands", RUN, ids=lambda one: one.name)
def test_a_command_of_the_documents_works(desk: Desk, commands: Commands) -> None:
    done = desk.run(commands.text)

    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
