"""The configurations that deploy/compose mounts, loaded by the real programs."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from tests.dashboards.trial.stage import fetch, running, wait_until
from tests.ports import free_port

pytestmark = pytest.mark.tools

ROOT = Path(__file__).resolve().parents[2]
COMPOSE = ROOT / "deploy" / "compose"
ALERTMANAGER = COMPOSE / "alertmanager" / "alertmanager.yml"


def printed(*command: str) -> str:
    """What a program prints; it must succeed."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def installed(name: str) -> str:
    """The path of a program of Debian's package prometheus-alertmanager."""
    path = shutil.which(name)
    if path is None:
        pytest.fail(f"{name} is missing: apt-get install prometheus-alertmanager", pytrace=False)
    return path


@pytest.fixture
def prometheus_config(tmp_path: Path) -> Path:
    """The configuration, with the rules where they lie here rather than in the container."""
    text = (COMPOSE / "prometheus" / "prometheus.yml").read_text()
    path = tmp_path / "prometheus.yml"
    path.write_text(text.replace("/etc/prometheus/rules", str(ROOT / "alerts" / "prometheus")))
    return path


def test_promtool_takes_prometheus_configuration_with_both_rule_files(
    tool: Callable[[str], Path], prometheus_config: Path
) -> None:
    said = printed(str(tool("promtool")), "check", "config", str(prometheus_config))

    assert "2 rule files found" in said


def test_prometheus_starts_with_its_configuration(
    tool: Callable[[str], Path], prometheus_config: Path, tmp_path: Path
) -> None:
    address = f"127.0.0.1:{free_port()}"
    command = [
        str(tool("prometheus")),
        f"--config.file={prometheus_config}",
        f"--storage.tsdb.path={tmp_path / 'data'}",
        f"--web.listen-address={address}",
        "--log.level=error",
    ]
    with running(command):
        wait_until("Prometheus", lambda: bool(fetch(f"http://{address}/-/ready")))
        assert "NotAIBotShareSpike" in fetch(f"http://{address}/api/v1/rules")


def test_amtool_takes_alertmanagers_configuration() -> None:
    assert "SUCCESS" in printed(installed("amtool"), "check-config", str(ALERTMANAGER))


def test_alertmanager_starts_with_its_configuration(tmp_path: Path) -> None:
    address = f"127.0.0.1:{free_port()}"
    command = [
        installed("prometheus-alertmanager"),
        f"--config.file={ALERTMANAGER}",
        f"--storage.path={tmp_path}",
        f"--web.listen-address={address}",
        "--cluster.listen-address=",
        "--log.level=error",
    ]
    with running(command):
        wait_until("Alertmanager", lambda: bool(fetch(f"http://{address}/-/ready")))
        assert "NotAIApiUnreachable" in fetch(f"http://{address}/api/v2/status")


def test_alertmanager_leads_each_alert_to_those_it_is_for() -> None:
    content = yaml.safe_load((ROOT / "alerts" / "prometheus" / "alerts.yaml").read_text())
    amtool = installed("amtool")
    for group in content["groups"]:
        for rule in group["rules"]:
            labels = [f"{key}={value}" for key, value in rule["labels"].items()]
            route = printed(
                *(amtool, "config", "routes", "test", f"--config.file={ALERTMANAGER}"),
                f"alertname={rule['alert']}",
                *labels,
            ).strip()
            expected = (
                "silent" if rule["labels"]["severity"] == "info" else rule["labels"]["audience"]
            )
            assert route == expected, rule["alert"]
