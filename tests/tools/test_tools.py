"""Each tool that `make tools` makes is there, is the pinned version, and does its work."""

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from tests.tools.kubernetes_schemas import definitions

pytestmark = pytest.mark.tools

ROOT = Path(__file__).resolve().parents[2]
KINDS = {
    "GrafanaDashboard",
    "HTTPRoute",
    "PodMonitor",
    "PodMonitoring",
    "PrometheusRule",
    "ServiceMonitor",
    "VerticalPodAutoscaler",
}


def output_of(command: list[str], given: str = "") -> str:
    """What a command prints, both streams; it must succeed."""
    answer = subprocess.run(
        command, input=given, capture_output=True, text=True, timeout=60, check=False
    )
    printed = answer.stdout + answer.stderr
    assert answer.returncode == 0, printed
    return printed


def pinned(folder: str, module: str) -> str:
    """The version of a module that `tools/<folder>/go.mod` requires."""
    text = (ROOT / "tools" / folder / "go.mod").read_text()
    match = re.search(rf"\s{re.escape(module)} v(\S+)", text)
    assert match is not None, f"tools/{folder}/go.mod does not require {module}"
    return match[1]


@pytest.mark.parametrize("program", ["prometheus", "promtool"])
def test_prometheus_and_promtool_are_the_pinned_release(
    tool: Callable[[str], Path], program: str
) -> None:
    minor, patch = pinned("prometheus", "github.com/prometheus/prometheus").split(".")[1:]
    release = f"{int(minor) // 100}.{int(minor) % 100}.{patch}"

    printed = output_of([str(tool(program)), "--version"])

    assert f"{program}, version {release}" in printed
    assert release.startswith("3.")


@pytest.mark.parametrize(
    ("program", "arguments", "module"),
    [
        ("helm", ["version", "--short"], "helm.sh/helm/v4"),
        ("actionlint", ["--version"], "github.com/rhysd/actionlint"),
        ("otelcol", ["--version"], "go.opentelemetry.io/collector/otelcol"),
    ],
)
def test_each_pinned_tool_is_built_and_runs(
    tool: Callable[[str], Path], program: str, arguments: list[str], module: str
) -> None:
    assert pinned(program, module) in output_of([str(tool(program)), *arguments])


def test_promtool_reads_metrics_and_complains_of_bad_ones(tool: Callable[[str], Path]) -> None:
    promtool = str(tool("promtool"))
    good = "# HELP good_total Things.\n# TYPE good_total counter\ngood_total 1\n"

    assert output_of([promtool, "check", "metrics"], given=good) == ""

    complaint = subprocess.run(
        [promtool, "check", "metrics"],
        input="# TYPE bad counter\nbad 1\n",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert complaint.returncode != 0
    assert "bad" in complaint.stderr


def test_helm_takes_the_cluster_for_a_current_kubernetes(
    tool: Callable[[str], Path], tmp_path: Path
) -> None:
    templates = tmp_path / "templates"
    templates.mkdir()
    (tmp_path / "Chart.yaml").write_text("apiVersion: v2\nname: probe\nversion: 0.0.1\n")
    (templates / "version.yaml").write_text("minor: {{ .Capabilities.KubeVersion.Minor }}\n")

    rendered = output_of([str(tool("helm")), "template", "probe", str(tmp_path)])

    documents = [document for document in yaml.safe_load_all(rendered) if document]
    assert documents[0]["minor"] >= 30


def test_collector_has_the_components_that_the_tests_use(tool: Callable[[str], Path]) -> None:
    components = yaml.safe_load(output_of([str(tool("otelcol")), "components"]))

    assert {item["name"] for item in components["receivers"]} == {"otlp"}
    assert {item["name"] for item in components["exporters"]} >= {
        "debug",
        "file",
        "otlp_grpc",
        "otlp_http",
        "prometheus",
    }


def test_schemas_of_kinds_that_are_not_kubernetes_own_are_there(
    shared_file: Callable[[str], Path],
) -> None:
    found = list(definitions(shared_file))

    assert {definition["spec"]["names"]["kind"] for definition in found} >= KINDS
    for definition in found:
        for version in definition["spec"]["versions"]:
            assert "openAPIV3Schema" in version["schema"]
