"""Single features of the chart, by the real Helm; and that each value does something."""

import json
from collections.abc import Callable, Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from tests.helm.test_values import over
from tests.tools.chart import (
    CHART,
    MINIMUM,
    VALUE_SETS,
    ChartRefusedError,
    Helm,
    Manifest,
    exporter_in,
    of_kind,
    pod_of,
    workload_of,
)
from tests.tools.kubernetes_schemas import check

pytestmark = pytest.mark.tools


def value_set(name: str) -> tuple[str, str]:
    return "--values", str(CHART / "ci" / f"{name}-values.yaml")


def volumes_of(manifests: list[Manifest]) -> dict[str, Manifest]:
    return {volume["name"]: volume for volume in pod_of(manifests)["spec"]["volumes"]}


def mounts_of(manifests: list[Manifest]) -> dict[str, Manifest]:
    return {mount["name"]: mount for mount in exporter_in(pod_of(manifests))["volumeMounts"]}


def leaves(values: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The path of each value that is not a map itself."""
    if isinstance(values, dict) and values:
        for key, inner in values.items():
            yield from leaves(inner, (*path, key))
    else:
        yield path


def told(values: Path) -> dict[str, Any]:
    """What a value set says."""
    said: dict[str, Any] = yaml.safe_load(values.read_text("utf-8"))
    return said


def without(values: dict[str, Any], path: tuple[str, ...]) -> dict[str, Any]:
    less = deepcopy(values)
    place = less
    for key in path[:-1]:
        place = place[key]
    del place[path[-1]]
    return less


#: Values that no manifest of this chart's own shows.
SILENT = {
    ("kubeVersionOverride",),  # only a sidecar asks for the version
    ("prometheusRule", "recordingRules", "elsewhere"),  # only says that nothing is missing
    # In the host application's chart: test_helm_sidecar.py sees them.
    ("sidecar", "name"),
    ("sidecar", "readinessProbe", "enabled"),
    ("sidecar", "startupProbe", "enabled"),
}


def first_places() -> Iterator[tuple[Path, list[tuple[str, ...]]]]:
    """The values of each value set that no value set before it has."""
    seen = set(SILENT)
    for values in VALUE_SETS:
        fresh = [path for path in leaves(told(values)) if path not in seen]
        seen.update(fresh)
        yield values, fresh


@pytest.mark.parametrize(
    ("values", "paths"), list(first_places()), ids=[values.stem for values in VALUE_SETS]
)
def test_every_value_does_something(
    helm: Helm, tmp_path: Path, values: Path, paths: list[tuple[str, ...]]
) -> None:
    """Left out of the first value set that has it, it gives other manifests or a refusal."""
    less = tmp_path / "less.yaml"
    whole = helm.template("--values", str(values))

    def does_something(path: tuple[str, ...]) -> bool:
        less.write_text(yaml.safe_dump(without(told(values), path)))
        try:
            return helm.template("--values", str(less)) != whole
        except ChartRefusedError:
            return True

    assert [".".join(path) for path in paths if not does_something(path)] == []


#: Values with a form of their own that the schema leaves to others.
NO_ODD_TEXT = {
    *("additionalGroups", "extraContainers", "extraInitContainers"),
    *("fullnameOverride", "updateMode"),
}


def with_text_like_a_number(values: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of each text, also within lists of the chart's own."""
    if isinstance(values, dict):
        for key, inner in values.items():
            yield from with_text_like_a_number(inner, (*path, key))
    elif isinstance(values, list) and path[0] in ("integrations", "ingress"):
        for place, inner in enumerate(values):
            yield from with_text_like_a_number(inner, (*path, place))
    elif (
        isinstance(values, str)
        and not NO_ODD_TEXT & {path[0], path[-1]}
        and (path[0], path[-1]) != ("integrations", "name")  # each is there once
    ):
        yield path


@pytest.mark.parametrize("values", VALUE_SETS, ids=lambda path: path.stem)
def test_text_stays_text_where_yaml_would_read_a_number(
    helm: Helm, shared_file: Callable[[str], Path], tmp_path: Path, values: Path
) -> None:
    """`0x1f` is a good name for a Secret, a key in it, a namespace, a port, a label."""
    odd = told(values)
    defaults = told(CHART / "values.yaml")
    accepted = Draft202012Validator(json.loads((CHART / "values.schema.json").read_text("utf-8")))
    for path in list(with_text_like_a_number(odd)):
        place = odd
        for key in path[:-1]:
            place = place[key]
        before, place[path[-1]] = place[path[-1]], "0x1f"
        if not accepted.is_valid(over(defaults, odd)):
            place[path[-1]] = before
    file = tmp_path / "odd.yaml"
    file.write_text(json.dumps(odd))

    for manifest in helm.template("--values", str(file), release="true"):
        check(manifest, shared_file)
        assert isinstance(manifest["metadata"]["name"], str)
        assert isinstance(manifest["metadata"].get("namespace", ""), str)
        labels = manifest["metadata"].get("labels", {})
        assert all(isinstance(label, str) for label in labels.values()), labels


def removable(
    schema: dict[str, Any], values: dict[str, Any], known: dict[str, Any]
) -> dict[str, Any]:
    """Null for every value that the schema does not require."""
    schema = known[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema
    required = schema.get("required", [])
    nulls: dict[str, Any] = {name: None for name in values if name not in required}
    for name in values.keys() & set(required):
        if isinstance(values[name], dict):
            nulls[name] = removable(schema["properties"][name], values[name], known)
    return nulls


@pytest.mark.parametrize("monitor", ["serviceMonitor", "podMonitor", "podMonitoring"])
def test_sections_with_nothing_but_comments_in_them_are_empty_ones(
    helm: Helm, shared_file: Callable[[str], Path], tmp_path: Path, monitor: str
) -> None:
    """Helm takes `labels:` without a value for null, and deletes the default."""
    schema = json.loads((CHART / "values.schema.json").read_text("utf-8"))
    nulls = removable(schema, told(CHART / "values.yaml"), schema["$defs"])
    file = tmp_path / "nulls.yaml"
    file.write_text(yaml.safe_dump(nulls))
    sections = ("persistence", "prometheusRule", "dashboards", "dashboards.grafanaOperator")
    objects = ("podDisruptionBudget", "verticalPodAutoscaler", "networkPolicy", monitor)

    manifests = helm.template(
        *("--values", str(file), *MINIMUM),
        *("--set", ",".join(f"{name}.enabled=true" for name in (*sections, *objects))),
        *("--set", "networkPolicy.egress.dns.ports={53}"),
        *("--set", "networkPolicy.egress.postgresql.ports={5432}"),
    )

    assert nulls["strategy"] is None
    assert nulls["serviceMonitor"]["labels"] is None
    for manifest in manifests:
        check(manifest, shared_file)
    assert of_kind(manifests, "PodDisruptionBudget")["spec"]["maxUnavailable"] == 1


@pytest.mark.parametrize(
    ("given", "made"), [("fast", "fast"), ("-", ""), ("123", "123"), ("", None)]
)
def test_a_storage_class_can_be_none(helm: Helm, given: str, made: str | None) -> None:
    claim = of_kind(
        helm.template(
            *(*MINIMUM, "--set", "persistence.enabled=true"),
            *("--set-string", f"persistence.storageClass={given}"),
        ),
        "PersistentVolumeClaim",
    )

    assert claim["spec"].get("storageClassName") == made


def test_folders_of_dashboards_have_any_name(helm: Helm) -> None:
    manifests = helm.template(
        *(*MINIMUM, "--set", "dashboards.grafanaOperator.enabled=true"),
        *("--set", "dashboards.grafanaOperator.folder=Team: bots"),
    )

    folders = {one["spec"]["folder"] for one in manifests if one["kind"] == "GrafanaDashboard"}
    assert folders == {"Team: bots"}


def test_a_key_can_come_from_a_file_that_is_there_otherwise(helm: Helm) -> None:
    manifests = helm.template(*value_set("injected-key"))

    assert "--api-key-file=/vault/secrets/isnotai" in exporter_in(pod_of(manifests))["args"]
    assert "isnotai-key" not in volumes_of(manifests)
    assert "isnotai-key" not in mounts_of(manifests)


def test_integrations_can_mix_files_and_secrets(helm: Helm) -> None:
    manifests = helm.template(*value_set("key-file"))
    config = next(one for one in manifests if "config.yaml" in one.get("data", {}))
    entries = yaml.safe_load(config["data"]["config.yaml"])["integrations"]
    (source,) = volumes_of(manifests)["isnotai-key"]["projected"]["sources"]

    assert entries == [
        {"name": "school", "api_key_file": "/mnt/keys/school"},
        {"name": "college", "api_key_file": "/etc/isnotai/key/1"},
    ]
    assert source["secret"]["name"] == "isnotai-college"
    assert source["secret"]["items"] == [{"key": "api-key", "path": "1"}]


def test_annotations_of_the_user_win_and_none_is_there_twice(helm: Helm) -> None:
    printed = helm.run(
        *("template", "notai", str(CHART), *MINIMUM),
        *("--set", "scrapeAnnotations.enabled=true"),
        *("--set-string", r"podAnnotations.prometheus\.io/port=9999"),
    )

    assert printed.count("prometheus.io/port") == 1
    deployment = workload_of([one for one in yaml.safe_load_all(printed) if one])
    annotations = deployment["spec"]["template"]["metadata"]["annotations"]
    assert annotations["prometheus.io/port"] == "9999"
    assert annotations["prometheus.io/scrape"] == "true"


@pytest.mark.parametrize(
    ("values", "key"), [("commonLabels.x", "x"), (r"commonLabels.helm\.sh/chart", "helm.sh/chart")]
)
def test_no_label_is_there_twice(helm: Helm, values: str, key: str) -> None:
    printed = helm.run("template", "notai", str(CHART), *MINIMUM, "--set-string", f"{values}=mine")

    deployment = workload_of([one for one in yaml.safe_load_all(printed) if one])
    assert deployment["metadata"]["labels"][key] == "mine"
    text = next(part for part in printed.split("---") if "kind: Service\n" in part)
    assert text.count(f"{key}: ") == 1


def test_a_stateful_set_keeps_its_state_in_the_same_claim_as_a_deployment(helm: Helm) -> None:
    claims = [
        volumes_of(helm.template(*MINIMUM, "--set", f"persistence.enabled=true,kind={kind}"))[
            "isnotai-state"
        ]["persistentVolumeClaim"]["claimName"]
        for kind in ("Deployment", "StatefulSet")
    ]

    assert claims == ["notai-isnotai-exporter"] * 2


def test_a_daemon_set_has_no_number_of_replicas(helm: Helm) -> None:
    spec = of_kind(helm.template(*value_set("daemon-set")), "DaemonSet")["spec"]

    assert "replicas" not in spec
    assert spec["updateStrategy"]["rollingUpdate"] == {"maxSurge": 0, "maxUnavailable": "25%"}


def test_on_the_nodes_network_the_clusters_names_resolve_still(helm: Helm) -> None:
    spec = pod_of(helm.template(*value_set("host-network")))["spec"]

    assert spec["hostNetwork"] is True
    assert spec["dnsPolicy"] == "ClusterFirstWithHostNet"


@pytest.mark.parametrize(
    ("name", "kind", "endpoints"),
    [
        ("stateful-set", "ServiceMonitor", "endpoints"),
        ("mesh", "PodMonitor", "podMetricsEndpoints"),
    ],
)
def test_series_stay_one_over_pods_where_that_is_asked_for(
    helm: Helm, name: str, kind: str, endpoints: str
) -> None:
    manifests = helm.template(*value_set(name))
    (endpoint,) = of_kind(manifests, kind)["spec"][endpoints]

    assert endpoint["relabelings"][:2] == [
        {
            "action": "replace",
            "targetLabel": "instance",
            "replacement": f"bots/{workload_of(manifests)['metadata']['name']}",
        },
        {"action": "labeldrop", "regex": "pod"},
    ]


def test_monitors_leave_the_target_alone_unless_asked(helm: Helm) -> None:
    manifests = helm.template(*MINIMUM, "--set", "serviceMonitor.enabled=true")

    (endpoint,) = of_kind(manifests, "ServiceMonitor")["spec"]["endpoints"]
    assert "relabelings" not in endpoint


def test_ingress_and_route_lead_to_the_service(helm: Helm) -> None:
    manifests = helm.template(*value_set("exposure"))
    service = of_kind(manifests, "Service")
    (port,) = service["spec"]["ports"]
    ingress = of_kind(manifests, "Ingress")["spec"]
    route = of_kind(manifests, "HTTPRoute")["spec"]

    backends = [
        path["backend"]["service"] for rule in ingress["rules"] for path in rule["http"]["paths"]
    ]
    assert backends == [{"name": service["metadata"]["name"], "port": {"name": port["name"]}}] * 2
    assert [rule["host"] for rule in ingress["rules"]] == ["notai.example.com", "notai.example.com"]
    assert ingress["tls"][0]["hosts"] == ["notai.example.com", "notai.example.com"]
    assert route["hostnames"] == ["notai.example.com"]
    assert route["rules"][-1]["backendRefs"] == [
        {"name": service["metadata"]["name"], "port": port["port"]}
    ]


def test_a_scaler_and_a_test_are_about_what_is_made(helm: Helm) -> None:
    manifests = helm.template(*value_set("exposure"))
    workload = workload_of(manifests)
    scaler = of_kind(manifests, "VerticalPodAutoscaler")["spec"]
    (container,) = of_kind(manifests, "Pod")["spec"]["containers"]

    assert scaler["targetRef"] == {
        "apiVersion": workload["apiVersion"],
        "kind": workload["kind"],
        "name": workload["metadata"]["name"],
    }
    assert container["image"] == exporter_in(pod_of(manifests))["image"]
    assert container["args"] == [
        "healthcheck",
        "--url=http://notai-isnotai-exporter.bots.svc:80/-/healthy",
    ]


@pytest.mark.parametrize("name", ["redirect", "client-certificates"])
def test_a_test_that_could_not_pass_is_not_made(helm: Helm, name: str) -> None:
    assert not [one for one in helm.template(*value_set(name)) if one["kind"] == "Pod"]


def test_text_goes_through_tpl_where_lists_may_be_text(helm: Helm) -> None:
    containers = pod_of(helm.template(*value_set("mirror")))["spec"]["containers"]
    groups = of_kind(
        helm.template(
            *(*MINIMUM, "--set", "prometheusRule.enabled=true", "--set-string"),
            "prometheusRule.additionalGroups=- {name: {{ .Release.Name }}\\, rules: []}",
        ),
        "PrometheusRule",
    )["spec"]["groups"]
    accounts = of_kind(helm.template(*value_set("injected-key")), "ServiceAccount")

    assert containers[1]["image"] == "registry.example.com/beside:1"
    assert groups[-1] == {"name": "notai", "rules": []}
    assert accounts["metadata"]["annotations"] == {"example.com/notai": "team-a"}


def test_with_a_database_replicas_share_the_state_and_have_no_volume(helm: Helm) -> None:
    manifests = helm.template("--values", str(CHART / "ci" / "database-values.yaml"))
    (workload,) = [it for it in manifests if it["kind"] == "Deployment"]
    pod = workload["spec"]["template"]["spec"]
    (container,) = pod["containers"]

    assert workload["spec"]["replicas"] == 3
    assert workload["spec"]["strategy"]["type"] == "RollingUpdate"
    assert "--state.url-file=/etc/isnotai/database/uri" in container["args"]
    assert "--state.schema=team_a" in container["args"]
    assert not any(it.startswith(("--state.path", "--budget")) for it in container["args"])
    (database,) = [it for it in pod["volumes"] if it["name"] == "isnotai-database"]
    assert database["secret"]["secretName"] == "isnotai-database"
    assert not any("isnotai-state" in it["name"] for it in pod["volumes"])
    assert any(it["kind"] == "PodDisruptionBudget" for it in manifests)
