"""The manifests for users without Helm, built by the real Kustomize."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from tests.tools.chart import ROOT, Manifest, exporter_in, of_kind, pod_of
from tests.tools.kubernetes_schemas import NEWEST, OLDEST, check, restricted_faults

pytestmark = pytest.mark.tools

KUSTOMIZE = ROOT / "deploy/kustomize"
FOLDERS = ("base", "examples/notes-app", "examples/two-keys")
SIDECAR = KUSTOMIZE / "components/sidecar"
OLDEST_WITH_SIDECARS = "1.29.0"
#: What may carry a sidecar, and where its pod template lies.
HOSTS = {
    "Deployment": ("apps/v1", ("spec", "template")),
    "StatefulSet": ("apps/v1", ("spec", "template")),
    "DaemonSet": ("apps/v1", ("spec", "template")),
    "ReplicaSet": ("apps/v1", ("spec", "template")),
    "Job": ("batch/v1", ("spec", "template")),
    "CronJob": ("batch/v1", ("spec", "jobTemplate", "spec", "template")),
}


def built(kustomize: Path, folder: Path) -> list[Manifest]:
    answer = subprocess.run(
        [str(kustomize), "build", str(folder)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr
    return list(yaml.safe_load_all(answer.stdout))


@pytest.mark.parametrize("folder", FOLDERS)
def test_what_kustomize_builds_is_valid_and_restricted(
    tool: Callable[[str], Path], shared_file: Callable[[str], Path], folder: str
) -> None:
    manifests = built(tool("kustomize"), KUSTOMIZE / folder)

    for manifest in manifests:
        check(manifest, shared_file, OLDEST_WITH_SIDECARS if "notes" in folder else OLDEST)
        check(manifest, shared_file, NEWEST)
    for deployment in (one for one in manifests if one["kind"] == "Deployment"):
        assert not list(restricted_faults(deployment["spec"]["template"]))


def test_component_adds_a_native_sidecar_to_its_host(tool: Callable[[str], Path]) -> None:
    manifests = built(tool("kustomize"), KUSTOMIZE / "examples/notes-app")
    pod = pod_of(manifests)
    exporter = exporter_in(pod)
    variables = {one["name"]: one.get("value") for one in exporter["env"]}

    assert of_kind(manifests, "Deployment")["metadata"]["name"] == "notes-app"
    assert [one["name"] for one in pod["spec"]["containers"]] == ["notes-app"]
    assert exporter["restartPolicy"] == "Always"
    # A patch's name wins over the namespace, which a variable may not have beside it.
    assert {"name": "ISNOTAI_INTEGRATION", "value": "notes"} in exporter["env"]
    assert variables["ISNOTAI_BUDGET_REPLICAS"] == "3"
    assert variables["ISNOTAI_API_KEY_FILE"] == "/etc/isnotai/key/api-key"
    assert {mount["name"] for mount in exporter["volumeMounts"]} == {
        volume["name"] for volume in pod["spec"]["volumes"]
    }


def test_two_overlays_in_one_namespace_never_find_each_others_pods(
    tool: Callable[[str], Path],
) -> None:
    manifests = built(tool("kustomize"), KUSTOMIZE / "examples/two-keys")
    named = {(one["kind"], one["metadata"]["name"]): one for one in manifests}

    for name, other in (("north", "south"), ("south", "north")):
        deployment = named["Deployment", f"{name}-isnotai-exporter"]["spec"]
        foreign = named["Deployment", f"{other}-isnotai-exporter"]["spec"]
        service = named["Service", f"{name}-isnotai-exporter"]
        monitor = named["ServiceMonitor", f"{name}-isnotai-exporter"]["spec"]
        for selector in (deployment["selector"]["matchLabels"], service["spec"]["selector"]):
            assert selector.items() <= deployment["template"]["metadata"]["labels"].items()
            assert not selector.items() <= foreign["template"]["metadata"]["labels"].items()
        wanted = monitor["selector"]["matchLabels"].items()
        theirs = named["Service", f"{other}-isnotai-exporter"]["metadata"]["labels"]
        assert wanted <= service["metadata"]["labels"].items()
        assert not wanted <= theirs.items()


def test_without_a_prefix_selectors_stay_as_they_were_released(tool: Callable[[str], Path]) -> None:
    # A Deployment's selector cannot be changed, so another one would make each apply fail.
    manifests = built(tool("kustomize"), KUSTOMIZE / "base")

    wanted = {"app.kubernetes.io/name": "isnotai-exporter"}
    assert of_kind(manifests, "Deployment")["spec"]["selector"]["matchLabels"] == wanted
    assert of_kind(manifests, "Service")["spec"]["selector"] == wanted


@pytest.mark.parametrize("kind", HOSTS)
def test_the_sidecar_comes_to_everything_that_runs_pods(
    tool: Callable[[str], Path], shared_file: Callable[[str], Path], tmp_path: Path, kind: str
) -> None:
    version, path = HOSTS[kind]
    example = yaml.safe_load((KUSTOMIZE / "examples/notes-app/deployment.yaml").read_text("utf-8"))
    template = example["spec"]["template"]
    spec: Manifest = {"template": template}
    if kind in ("Job", "CronJob"):
        template["spec"]["restartPolicy"] = "Never"
    else:
        spec["selector"] = example["spec"]["selector"]
    if kind == "StatefulSet":
        spec["serviceName"] = "notes-app"
    if kind == "CronJob":
        spec = {"schedule": "@daily", "jobTemplate": {"spec": spec}}
    host = {"apiVersion": version, "kind": kind, "metadata": example["metadata"], "spec": spec}
    (tmp_path / "host.yaml").write_text(yaml.safe_dump(host))
    component = os.path.relpath(SIDECAR.resolve(), tmp_path.resolve())
    (tmp_path / "kustomization.yaml").write_text(
        yaml.safe_dump({"resources": ["host.yaml"], "components": [component]})
    )

    (manifest,) = built(tool("kustomize"), tmp_path)

    check(manifest, shared_file)
    pod = manifest
    for key in path:
        pod = pod[key]
    assert exporter_in(pod)["restartPolicy"] == "Always"
    assert pod["metadata"]["labels"]["isnotai-exporter"] == "sidecar"
    assert not list(restricted_faults(pod))


def test_components_add_monitors_rules_and_dashboards(tool: Callable[[str], Path]) -> None:
    manifests = built(tool("kustomize"), KUSTOMIZE / "examples/two-keys")
    boards = {
        name: text
        for one in manifests
        if one["kind"] == "ConfigMap"
        for name, text in one["data"].items()
    }

    assert boards == {
        path.name: path.read_text("utf-8") for path in (ROOT / "dashboards/grafana").glob("*.json")
    }
    rules = of_kind(manifests, "PrometheusRule")
    source = yaml.safe_load((ROOT / "alerts/kubernetes/prometheusrule.yaml").read_text("utf-8"))
    assert rules["spec"] == source["spec"]


def test_pod_monitor_finds_the_sidecars(tool: Callable[[str], Path], tmp_path: Path) -> None:
    folders = [KUSTOMIZE / "components/pod-monitor", KUSTOMIZE / "examples/notes-app"]
    component, example = (os.path.relpath(one.resolve(), tmp_path.resolve()) for one in folders)
    (tmp_path / "kustomization.yaml").write_text(
        yaml.safe_dump({"resources": [example], "components": [component]})
    )

    manifests = built(tool("kustomize"), tmp_path)

    pod = pod_of(manifests)
    spec = of_kind(manifests, "PodMonitor")["spec"]
    assert spec["selector"]["matchLabels"].items() <= pod["metadata"]["labels"].items()
    ports = {port["name"] for port in exporter_in(pod)["ports"]}
    assert {endpoint["port"] for endpoint in spec["podMetricsEndpoints"]} <= ports
