"""A real Collector writes findings to a file: each bot is there, whoever is killed."""

import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.ports import free_port
from tests.tools.test_otlp_prometheus import KEY, Tool, get, program, simulator, until

pytestmark = pytest.mark.tools

PROTOCOLS = ("http/protobuf", "grpc")

DYING = """
import os, signal
from exporter.ledger.findings import StoredOutbox

async def die(self, findings, rejected):
    os.kill(os.getpid(), signal.SIGKILL)

StoredOutbox.sent = die
from exporter.cli import main
main()
"""
"""The exporter, killed after the Collector took a batch, and before it is taken off."""


@contextmanager
def collector(tool: Tool, folder: Path, port: int, protocol: str) -> Iterator[Path]:
    """A Collector at that port that writes log records to the file that is given."""
    path, log, file = folder / "otelcol.yaml", folder / "otelcol.log", folder / "findings.json"
    kind = "http" if protocol.startswith("http") else "grpc"
    endpoint = {"endpoint": f"127.0.0.1:{port}"}
    config = {
        "receivers": {"otlp": {"protocols": {kind: endpoint}}},
        "exporters": {"file": {"path": str(file), "append": True}},
        "service": {
            "telemetry": {"metrics": {"level": "none"}},
            "pipelines": {"logs": {"receivers": ["otlp"], "exporters": ["file"]}},
        },
    }
    path.write_text(yaml.safe_dump(config))
    with program([str(tool("otelcol")), f"--config={path}"], log) as process:
        ready = "Everything is ready"
        until(lambda: True if ready in log.read_text() else None, process, log)
        yield file


def findings(file: Path) -> list[dict[str, Any]]:
    """The attributes of each record, in the order in which they were written."""
    found = []
    for line in file.read_text().splitlines() if file.exists() else ():
        for resource in json.loads(line)["resourceLogs"]:
            names = {it["key"] for it in resource["resource"]["attributes"]}
            assert {"service.name", "service.instance.id"} <= names
            for scope in resource["scopeLogs"]:
                for record in scope["logRecords"]:
                    assert record["eventName"] == "isnotai.bot_session"
                    assert int(record["timeUnixNano"]) > 0
                    found.append(
                        {it["key"]: next(iter(it["value"].values())) for it in record["attributes"]}
                    )
    return found


@contextmanager
def exporter(
    folder: Path, api: str, port: int, protocol: str, command: list[str]
) -> Iterator[tuple[subprocess.Popen[bytes], Path, str]]:
    address, log = f"127.0.0.1:{free_port()}", folder / f"exporter-{free_port()}.log"
    settings = {
        "ISNOTAI_API_KEY": KEY,
        "ISNOTAI_BASE_URL": api,
        "ISNOTAI_WEB_LISTEN_ADDRESS": address,
        "ISNOTAI_SESSIONS_LOOKBACK": "2h",
        "ISNOTAI_SESSIONS_OVERLAP": "1s",
        "ISNOTAI_SESSIONS_SETTLE_AFTER": "5s",
        "ISNOTAI_POLL_SESSIONS_INTERVAL": "2s",
        "ISNOTAI_STATE_PATH": str(folder / "state.db"),
        "ISNOTAI_OTLP_FINDINGS": "true",
        "ISNOTAI_LOG_FORMAT": "json",
        "ISNOTAI_LOG_LEVEL": "debug",
        "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT": f"http://127.0.0.1:{port}"
        + ("/v1/logs" if protocol.startswith("http") else ""),
        "OTEL_EXPORTER_OTLP_LOGS_PROTOCOL": protocol,
        "OTEL_EXPORTER_OTLP_LOGS_COMPRESSION": "gzip",
        "OTEL_BLRP_SCHEDULE_DELAY": "300",
    }
    with program(command, log, **settings) as process:
        yield process, log, f"http://{address}"


def value(url: str, series: str) -> float | None:
    text = get(f"{url}/metrics").decode()
    found = re.search(rf"^{re.escape(series)} (\S+)$", text, re.MULTILINE)
    return float(found[1]) if found else None


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_killed_between_send_and_empty_each_bot_arrives_with_one_id(
    tool: Tool, tmp_path: Path, protocol: str
) -> None:
    port = free_port()
    with simulator(tmp_path) as api:
        get(f"{api}/_simulator/freeze", b"")
        with collector(tool, tmp_path, port, protocol) as file:
            dying = [sys.executable, "-c", DYING]
            with exporter(tmp_path, api, port, protocol, dying) as (process, log, _):
                process.wait(60)
                assert process.returncode == -signal.SIGKILL, log.read_text()
            until_written = findings(file)
        assert until_written
        whole = [sys.executable, "-m", "exporter"]
        # The Collector is down at first; what waits is not lost for that.
        with exporter(tmp_path, api, port, protocol, whole) as (process, log, url):
            until(lambda: True if "otlp_findings_failed" in log.read_text() else None, process, log)
            with collector(tool, tmp_path, port, protocol) as file:

                def done() -> bool | None:
                    sent = value(
                        url, 'isnotai_findings_total{integration="default",outcome="sent"}'
                    )
                    bots = value(url, 'isnotai_bot_sessions_total{integration="default"}')
                    left = value(url, 'isnotai_sessions_unsettled{integration="default"}')
                    return True if bots and bots == sent and left == 0 else None

                until(done, process, log)
                bots = value(url, 'isnotai_bot_sessions_total{integration="default"}')
        written = findings(file)

    told = {it["session.id"]: it["log.record.uid"] for it in written}
    assert len(told) == len(set(told.values())) == bots
    assert {it["log.record.uid"] for it in until_written} <= set(told.values())
    assert len(written) >= len(told) + len(until_written)
