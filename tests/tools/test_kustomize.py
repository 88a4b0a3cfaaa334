"""The manifests for users without Helm, built by the real Kustomize."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from tests.tools.chart import ROOT, Manifest, exporter_in, of_kind, pod_of
from tests.tools.kubernetes_schemas import check, restricted_faults

pytestmark = pytest.mark.tools

KUSTOMIZE = ROOT / "deploy/kustomize"
FOLDERS = ("base", "examples/notes-app")


def built(kustomize: Path, folder: str) -> list[Manifest]:
    answer = subprocess.run(
        [str(kustomize), "build", str(KUSTOMIZE / folder)],
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
    manifests = built(tool("kustomize"), folder)

    for manifest in manifests:
        check(manifest, shared_file)
    assert not list(restricted_faults(pod_of(manifests)))


def test_component_adds_a_native_sidecar_to_its_host(tool: Callable[[str], Path]) -> None:
    manifests = built(tool("kustomize"), "examples/notes-app")
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
