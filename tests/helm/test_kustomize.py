"""The manifests for users without Helm say what the chart says, and pass the same checks."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from exporter.build import VERSION
from exporter.settings.load import load
from tests.tools.chart import Manifest, exporter_in, of_kind, pod_of
from tests.tools.kubernetes_schemas import check, restricted_faults
from tests.yaml_files import load_yaml, load_yaml_all

ROOT = Path(__file__).resolve().parents[2]
KUSTOMIZE = ROOT / "deploy/kustomize"
VALUES: dict[str, Any] = load_yaml(
    (ROOT / "deploy/helm/isnotai-exporter/values.yaml").read_text("utf-8")
)
BASE = KUSTOMIZE / "base/deployment.yaml"
SIDECAR = KUSTOMIZE / "components/sidecar/sidecar.yaml"
HOST = KUSTOMIZE / "examples/notes-app/deployment.yaml"

each = pytest.mark.parametrize("path", [BASE, SIDECAR], ids=["base", "sidecar"])


def manifests(path: Path) -> list[Manifest]:
    return list(load_yaml_all(path.read_text("utf-8")))


def exporter_of(path: Path) -> Manifest:
    spec = of_kind(manifests(path), "Deployment")["spec"]["template"]["spec"]
    return exporter_in({"spec": {"containers": [], **spec}})


def no_shared_file(name: str) -> Path:
    raise AssertionError(f"no manifest here is of a kind that needs {name}")


@pytest.mark.parametrize("path", [BASE, HOST], ids=["base", "host"])
def test_plain_manifests_pass_kubernetes_schemas_and_are_restricted(path: Path) -> None:
    for manifest in manifests(path):
        check(manifest, no_shared_file)
    assert not list(restricted_faults(pod_of(manifests(path))))


@each
def test_container_is_as_secure_and_as_large_as_the_charts(path: Path) -> None:
    exporter = exporter_of(path)

    assert exporter["securityContext"] == VALUES["securityContext"]
    assert exporter["resources"] == VALUES["resources"]
    assert exporter["image"] == (
        f"{VALUES['image']['registry']}/{VALUES['image']['repository']}:{VERSION}"
    )
    probe = {"enabled": True} | exporter["livenessProbe"]
    assert probe.pop("httpGet")["path"] == "/-/healthy"
    assert probe == VALUES["livenessProbe"]


@each
def test_exporter_accepts_the_variables(path: Path) -> None:
    # What the downward API gives in the namespace `bots`.
    variables = {one["name"]: one.get("value", "bots") for one in exporter_of(path)["env"]}

    loaded = load([], variables)

    assert not loaded.warnings
    assert loaded.settings.api_key_file == Path("/etc/isnotai/key/api-key")


@each
def test_two_namespaces_never_share_an_integration(path: Path) -> None:
    (variable,) = [one for one in exporter_of(path)["env"] if one["name"] == "ISNOTAI_INTEGRATION"]

    assert "value" not in variable
    assert variable["valueFrom"] == {"fieldRef": {"fieldPath": "metadata.namespace"}}


@each
def test_every_mount_has_its_volume(path: Path) -> None:
    spec = of_kind(manifests(path), "Deployment")["spec"]["template"]["spec"]

    mounted = {mount["name"] for mount in exporter_of(path)["volumeMounts"]}
    assert mounted == {volume["name"] for volume in spec["volumes"]}


def test_sidecar_is_native_and_never_holds_its_host_back() -> None:
    exporter = exporter_of(SIDECAR)
    volumes = of_kind(manifests(SIDECAR), "Deployment")["spec"]["template"]["spec"]["volumes"]
    (key,) = [volume for volume in volumes if volume["name"] == "isnotai-key"]

    assert exporter["restartPolicy"] == "Always"
    assert "readinessProbe" not in exporter
    assert "startupProbe" not in exporter
    assert key["projected"]["sources"][0]["secret"]["optional"] is True


def test_a_cron_jobs_sidecar_is_the_same() -> None:
    (patch,) = manifests(KUSTOMIZE / "components/sidecar/cronjob.yaml")

    assert (
        patch["spec"]["jobTemplate"]["spec"]["template"]
        == (of_kind(manifests(SIDECAR), "Deployment")["spec"]["template"])
    )


def test_every_dashboard_is_in_the_component() -> None:
    component = load_yaml((ROOT / "dashboards/Kustomization").read_text("utf-8"))
    named = [file for maker in component["configMapGenerator"] for file in maker["files"]]

    there = {f"grafana/{path.name}" for path in (ROOT / "dashboards/grafana").glob("*.json")}
    assert set(named) == there


def test_every_file_that_a_kustomization_names_is_there() -> None:
    def named(kustomization: dict[str, Any]) -> Iterator[str]:
        yield from kustomization.get("resources", [])
        yield from kustomization.get("components", [])
        yield from kustomization.get("configurations", [])
        yield from (patch["path"] for patch in kustomization.get("patches", []) if "path" in patch)

    for path in KUSTOMIZE.rglob("kustomization.yaml"):
        names = list(named(load_yaml(path.read_text("utf-8"))))
        assert names
        assert all((path.parent / name).exists() for name in names), path
