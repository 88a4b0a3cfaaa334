"""The demo: the daemon against a simulator that runs beside it and ends with it.

It never reaches the real API and never touches the user's key: the variables that lead there, and
to a settings file, are put aside, and the flags are refused. Its state lies in a folder of its own,
with a settings file by which other commands meet the same simulator; the folder ends with it.
"""

import asyncio
import json
import selectors
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from exporter.commands import daemon as daemon_command
from exporter.commands.command import Line, make_command
from exporter.daemon import Daemon
from exporter.publish.otlp_settings import OtlpSettings
from exporter.settings.errors import SettingsError
from exporter.settings.load import load_parsed
from exporter.settings.model import Settings
from exporter.terminal import say

DEFAULTS = {
    "ISNOTAI_INTEGRATION": "demo",
    "ISNOTAI_LOG_LEVEL": "warning",
    "ISNOTAI_POLL_SESSIONS_INTERVAL": "2s",
    "ISNOTAI_POLL_STATS_INTERVAL": "10s",
    "ISNOTAI_POLL_ANALYTICS_INTERVAL": "10s",
    "ISNOTAI_POLL_USAGE_INTERVAL": "10s",
    "ISNOTAI_POLL_INTEGRATION_INTERVAL": "30s",
    "ISNOTAI_POLL_HEALTH_INTERVAL": "10s",
    "ISNOTAI_SESSIONS_LOOKBACK": "5m",
    "ISNOTAI_QUOTA_LIMITS": "api_calls=1000000,sessions=250000,events=20000000",
}
"""A faster rhythm than a real API would allow; flags and variables win over these."""

SIMULATOR = ("--tier", "enterprise", "--rate", "2", "--port", "0", "--exit-with-parent")

REFUSED = ("config.file", "api_key_file", "base_url", "region")
"""Settings whose flags would lead to the real API, to its key, or to a file that holds either."""

PUT_ASIDE = (
    "ISNOTAI_CONFIG_FILE",
    "ISNOTAI_API_KEY_FILE",
    "ISNOTAI_REGION",
    # Of a database that others share.
    "ISNOTAI_STATE_URL",
    "ISNOTAI_STATE_URL_FILE",
)

REPORT_SECONDS = 5.0
START_SECONDS = 20.0


def run(line: Line) -> int:
    """Run simulator and daemon until a signal; the exit code. Raises SettingsError."""
    for name, raw in line.flags.items():
        if name in REFUSED:
            raise SettingsError(f"{raw.origin}: the demo has a simulator and a key of its own")
    # Bad settings are told before anything is started.
    load_parsed(line.flags, _variables(line.environ, "http://localhost", "none"), require_key=False)
    with TemporaryDirectory(prefix="isnotai-demo-") as folder, _simulator() as (url, key):
        variables = _variables(line.environ, url, key)
        variables.setdefault("ISNOTAI_STATE_PATH", str(Path(folder) / "state.db"))
        loaded = load_parsed(line.flags, variables)
        daemon_command.prepare(loaded)
        met = _settings_file(Path(folder), loaded.settings, url, key)

        def reload() -> Settings:
            nonlocal loaded
            loaded = load_parsed(line.flags, variables)
            return loaded.settings

        def otlp() -> OtlpSettings | None:
            return daemon_command.push_settings(variables)

        daemon = Daemon(loaded.settings, reload, otlp=otlp, origins=lambda: loaded.origins)
        reports: list[asyncio.Task[None]] = []

        def on_serving(address: str) -> None:
            say(f"simulated API   {url}", at_once=True)
            say(f"metrics         {address}{loaded.settings.web.telemetry_path}", at_once=True)
            say(f"status page     {address}/", at_once=True)
            say(f"other commands  isnotai-exporter audit --config.file={met}", at_once=True)
            say("Ctrl-C ends all.", at_once=True)
            reports.append(asyncio.get_running_loop().create_task(_report(daemon)))

        return daemon_command.serve(daemon, on_serving)


def _variables(environ: Mapping[str, str], url: str, key: str) -> dict[str, str]:
    """The user's variables over the demo's, less what would lead to the real API."""
    kept = {name: value for name, value in environ.items() if name not in PUT_ASIDE}
    return {**DEFAULTS, **kept, "ISNOTAI_BASE_URL": url, "ISNOTAI_API_KEY": key}


def _settings_file(folder: Path, settings: Settings, url: str, key: str) -> Path:
    """A settings file for `check`, `sessions`, `audit` and others beside the demo."""
    path = folder / "demo.yml"
    path.touch(0o600)
    told = {
        "base_url": url,
        "api_key": key,
        "integration": settings.integration,
        "state": {"path": str(settings.state.path)} if settings.state.path else {},
    }
    # JSON is YAML as well.
    path.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    return path


@contextmanager
def _simulator() -> Iterator[tuple[str, str]]:
    """A simulator in a process of its own, as (URL, key). It ends with us, however we end."""
    command = [sys.executable, "-m", "exporter", "simulate", *SIMULATOR]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - our own
        try:
            line = _first_line(process)
            told = json.loads(line)
            yield told["url"], told["key"]
        finally:
            process.terminate()


def _first_line(process: subprocess.Popen[str]) -> str:
    """What the simulator says when it serves. Raises RuntimeError where it does not start."""
    assert process.stdout is not None  # noqa: S101 - a pipe was asked for
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        if not selector.select(START_SECONDS):
            raise RuntimeError("the simulator did not start in time")
    line = process.stdout.readline()
    if not line:
        raise RuntimeError("the simulator ended at its start")
    return line


async def _report(daemon: Daemon) -> None:
    """Say every few seconds what the exporter sees."""
    while True:
        await asyncio.sleep(REPORT_SECONDS)
        for integration in daemon.status().integrations:
            up = sum(resource.up is True for resource in integration.resources)
            say(
                f"sessions {integration.sessions or 0}, bots {integration.bot_sessions or 0}, "
                f"{up} of {len(integration.resources)} resources up",
                at_once=True,
            )


command = make_command("demo", run, __doc__)
