"""The chart's templates in another chart's pods, both as a container and as a native sidecar."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.tools.chart import (
    ChartRefusedError,
    Helm,
    Manifest,
    example_with_its_dependency,
    exporter_in,
    of_kind,
    pod_of,
)
from tests.tools.kubernetes_schemas import check, restricted_faults

pytestmark = pytest.mark.tools

WAYS = {"native": "initContainers", "container": "containers"}
each_way = pytest.mark.parametrize("way", WAYS)


@pytest.fixture(scope="module")
def example(helm: Helm, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return example_with_its_dependency(helm, tmp_path_factory.mktemp("example"))


def secrets_of(pod: Manifest) -> Iterator[tuple[str, Manifest]]:
    """The name of each Secret and ConfigMap that the exporter wants, with what wants it."""
    for volume in pod["spec"]["volumes"]:
        for source in volume.get("projected", {}).get("sources", []):
            yield source["secret"]["name"], source["secret"]
        if "secret" in volume:
            yield volume["secret"]["secretName"], volume["secret"]
        if "configMap" in volume:
            yield volume["configMap"]["name"], volume["configMap"]
    for variable in exporter_in(pod).get("env", []):
        if "secretKeyRef" in variable.get("valueFrom", {}):
            secret = variable["valueFrom"]["secretKeyRef"]
            yield secret["name"], secret


@each_way
def test_example_application_renders_valid_restricted_pods(
    helm: Helm, example: Path, shared_file: Callable[[str], Path], way: str
) -> None:
    manifests = helm.template("--set", f"sidecar={way}", chart=example)

    for manifest in manifests:
        check(manifest, shared_file)
    pod = pod_of(manifests)
    assert not list(restricted_faults(pod))
    exporter = exporter_in(pod)
    assert exporter in pod["spec"][WAYS[way]]
    assert exporter.get("restartPolicy") == ("Always" if way == "native" else None)
    mounted = {mount["name"] for mount in exporter["volumeMounts"]}
    assert mounted == {volume["name"] for volume in pod["spec"]["volumes"]}


@each_way
def test_an_image_that_wants_pull_secrets_can_be_pulled(
    helm: Helm, example: Path, way: str
) -> None:
    settings = (
        f"sidecar={way},global.imagePullSecrets={{shared}},"
        "isnotai-exporter.imagePullSecrets={own}"
    )
    pod = pod_of(helm.template("--set", settings, chart=example))

    assert pod["spec"]["imagePullSecrets"] == [{"name": "shared"}, {"name": "own"}]


@each_way
def test_a_sidecar_never_holds_its_host_back(helm: Helm, example: Path, way: str) -> None:
    settings = {
        "webConfig.existingSecret": "isnotai-web",
        "otlp.enabled": "true",
        "otlp.endpoint": "http://otel-collector:4318",
        "otlp.headers.existingSecret": "isnotai-otlp",
    }
    given = [f"isnotai-exporter.{name}={value}" for name, value in settings.items()]
    pod = pod_of(
        helm.template("--set", ",".join([f"sidecar={way}", *given]), chart=example),
    )
    exporter = exporter_in(pod)

    assert "readinessProbe" not in exporter
    assert "startupProbe" not in exporter
    secrets = {name: secret.get("optional") for name, secret in secrets_of(pod)}
    assert secrets == {"isnotai": True, "isnotai-web": True, "isnotai-otlp": True}


@each_way
def test_sidecars_with_a_database_poll_once_and_never_hold_their_host_back(
    helm: Helm, example: Path, shared_file: Callable[[str], Path], way: str
) -> None:
    settings = (
        f"sidecar={way},isnotai-exporter.config.budget=null,"
        "isnotai-exporter.state.database.existingSecret=isnotai-database,"
        "isnotai-exporter.state.database.schema=notes"
    )
    manifests = helm.template("--set", settings, chart=example)

    for manifest in manifests:
        check(manifest, shared_file)
    pod = pod_of(manifests)
    exporter = exporter_in(pod)
    assert "--state.url-file=/etc/isnotai/database/url" in exporter["args"]
    assert "--state.schema=notes" in exporter["args"]
    assert not any(it.startswith(("--state.path", "--budget")) for it in exporter["args"])
    assert "/etc/isnotai/database" in {it["mountPath"] for it in exporter["volumeMounts"]}
    assert not any("isnotai-state" in it["name"] for it in pod["spec"]["volumes"])
    secrets = {name: secret.get("optional") for name, secret in secrets_of(pod)}
    assert secrets == {"isnotai": True, "isnotai-database": True}


def test_a_sidecar_of_several_integrations_never_holds_its_host_back(
    helm: Helm, example: Path
) -> None:
    values = (
        "isnotai-exporter.integration=,isnotai-exporter.apiKey.existingSecret=,"
        "isnotai-exporter.integrations[0].name=a,isnotai-exporter.integrations[0].existingSecret=a"
    )
    pod = pod_of(helm.template("--set", values, chart=example))

    wanted = {
        volume["configMap"]["name"]: volume["configMap"].get("optional")
        for volume in pod["spec"]["volumes"]
        if "configMap" in volume
    }
    assert wanted == {"notai-isnotai-exporter": True}


def test_a_sidecars_startup_counts_where_that_is_asked_for(helm: Helm, example: Path) -> None:
    wanted = "isnotai-exporter.sidecar.startupProbe.enabled=true"
    exporter = exporter_in(pod_of(helm.template("--set", wanted, chart=example)))

    assert exporter["startupProbe"]["httpGet"]["path"] == "/-/healthy"


def test_a_sidecar_can_be_called_otherwise(helm: Helm, example: Path) -> None:
    settings = "isnotai-exporter.sidecar.name=notai,isnotai-exporter.sidecar.portName=metrics"
    (exporter,) = pod_of(helm.template("--set", settings, chart=example))["spec"]["initContainers"]

    assert exporter["name"] == "notai"
    assert [port["name"] for port in exporter["ports"]] == ["metrics"]
    assert exporter["livenessProbe"]["httpGet"]["port"] == "metrics"


def test_a_sidecars_readiness_counts_where_that_is_asked_for(helm: Helm, example: Path) -> None:
    wanted = "isnotai-exporter.sidecar.readinessProbe.enabled=true"
    exporter = exporter_in(pod_of(helm.template("--set", wanted, chart=example)))

    assert exporter["readinessProbe"]["httpGet"]["port"] == "isnotai-metrics"


def test_lint_passes(helm: Helm, example: Path) -> None:
    assert "0 chart(s) failed" in helm.run("lint", "--strict", str(example))


def test_beside_its_host_the_chart_makes_no_deployment_of_its_own(
    helm: Helm, example: Path
) -> None:
    manifests = helm.template(chart=example)

    assert [manifest["kind"] for manifest in manifests] == ["Deployment"]


def test_pod_monitor_selects_the_pods_that_have_the_sidecar(helm: Helm, example: Path) -> None:
    manifests = helm.template("--set", "isnotai-exporter.podMonitor.enabled=true", chart=example)
    monitor = of_kind(manifests, "PodMonitor")["spec"]
    pod = pod_of(manifests)

    assert monitor["selector"]["matchLabels"].items() <= pod["metadata"]["labels"].items()
    assert monitor["podMetricsEndpoints"][0]["port"] in {
        port["name"] for port in exporter_in(pod)["ports"]
    }


def test_labels_reach_the_hosts_pod_and_the_monitor_selects_by_its_own(
    helm: Helm, example: Path
) -> None:
    settings = "isnotai-exporter.podLabels.tier=web,isnotai-exporter.podMonitor.enabled=true"
    manifests = helm.template("--set", settings, chart=example)

    assert pod_of(manifests)["metadata"]["labels"]["tier"] == "web"
    selector = of_kind(manifests, "PodMonitor")["spec"]["selector"]["matchLabels"]
    assert set(selector) == {"isnotai-exporter"}


def test_annotations_reach_the_hosts_pod(helm: Helm, example: Path) -> None:
    manifests = helm.template(
        "--set", "isnotai-exporter.scrapeAnnotations.enabled=true", chart=example
    )

    assert pod_of(manifests)["metadata"]["annotations"]["prometheus.io/port"] == "10984"


def test_host_renders_alone_where_the_sidecar_is_switched_off(helm: Helm, example: Path) -> None:
    pod = pod_of(helm.template("--set", "isnotai-exporter.enabled=false", chart=example))

    assert [container["name"] for container in pod["spec"]["containers"]] == ["notes-app"]
    assert "volumes" not in pod["spec"]


def test_native_sidecar_is_refused_where_kubernetes_is_too_old(helm: Helm, example: Path) -> None:
    with pytest.raises(ChartRefusedError, match=r"native sidecars need Kubernetes 1\.29"):
        helm.template("--kube-version", "1.28.0", chart=example)
