"""The chart by the real Helm: every value set lints, renders, and passes Kubernetes' schemas.

kube-linter cannot be had as a Go module here; its default checks that concern this chart are made
below, by the names that they have there.
"""

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from exporter.publish.otlp_settings import read_otlp
from exporter.settings.load import load
from exporter.settings.yaml_file import file_layer
from tests.tools.chart import (
    CHART,
    MINIMUM,
    VALUE_SETS,
    ChartRefusedError,
    Helm,
    Manifest,
    containers_of,
    exporter_in,
    of_kind,
    pod_of,
    workload_of,
)
from tests.tools.kubernetes_schemas import NEWEST, OLDEST, check, restricted_faults

pytestmark = pytest.mark.tools

each_value_set = pytest.mark.parametrize("values", VALUE_SETS, ids=lambda path: path.stem)


@pytest.fixture(scope="module")
def render(helm: Helm) -> Callable[[Path], list[Manifest]]:
    """The manifests of a value set, rendered once."""
    done: dict[Path, list[Manifest]] = {}

    def rendered(values: Path) -> list[Manifest]:
        if values not in done:
            done[values] = helm.template("--values", str(values))
        return done[values]

    return rendered


def value_set(name: str) -> Path:
    return CHART / "ci" / f"{name}-values.yaml"


@each_value_set
def test_chart_lints_without_a_warning(helm: Helm, values: Path) -> None:
    assert "0 chart(s) failed" in helm.run("lint", "--strict", str(CHART), "--values", str(values))


@pytest.mark.parametrize("version", [OLDEST, NEWEST])
@each_value_set
def test_every_manifest_passes_its_schema(
    render: Callable[[Path], list[Manifest]],
    shared_file: Callable[[str], Path],
    values: Path,
    version: str,
) -> None:
    for manifest in render(values):
        check(manifest, shared_file, version)


def test_the_oldest_kubernetes_that_is_judged_is_the_oldest_supported() -> None:
    supported = yaml.safe_load((CHART / "Chart.yaml").read_text())["kubeVersion"]

    assert supported == f">={OLDEST}-0"


@each_value_set
def test_pods_are_restricted_and_within_kube_linters_checks(
    render: Callable[[Path], list[Manifest]], values: Path
) -> None:
    manifests, told = render(values), yaml.safe_load(values.read_text())
    if told.get("mode") == "sidecar":
        return
    workload = workload_of(manifests)
    pod = pod_of(manifests)
    asked_for = ["hostNetwork", "isnotai-exporter: hostPort"] if "hostNetwork" in told else []
    assert list(restricted_faults(pod)) == asked_for
    for container in containers_of(pod):
        assert (
            container["securityContext"]["readOnlyRootFilesystem"] is True
        )  # no-read-only-root-fs
        assert container["resources"]["requests"]["cpu"]  # unset-cpu-requirements
        assert container["resources"]["limits"]["memory"]  # unset-memory-requirements
        assert not container["image"].endswith(":latest")  # latest-tag
        for variable in container.get("env", []):  # env-var-secret
            assert "KEY" not in variable["name"]
    # mismatching-selector, dangling-service, invalid-target-ports
    wanted = workload["spec"]["selector"]["matchLabels"].items()
    assert wanted <= pod["metadata"]["labels"].items()
    exporter = exporter_in(pod)
    ports = {port["name"] for port in exporter["ports"]}
    for service in (manifest for manifest in manifests if manifest["kind"] == "Service"):
        assert service["spec"]["selector"].items() <= pod["metadata"]["labels"].items()
        assert {port["targetPort"] for port in service["spec"]["ports"]} <= ports
    # liveness-port, readiness-port
    for probe in {"livenessProbe", "readinessProbe", "startupProbe"} & exporter.keys():
        handler = exporter[probe].get("httpGet") or exporter[probe]["tcpSocket"]
        assert handler["port"] in ports
    # non-existent-service-account, exposed token
    account = told.get("serviceAccount", {})
    token = account.get("automountServiceAccountToken", False)
    assert pod["spec"]["automountServiceAccountToken"] is token
    assert pod["spec"]["enableServiceLinks"] is told.get("enableServiceLinks", False)
    if workload["spec"].get("replicas", 1) > 1:  # no-anti-affinity
        assert pod["spec"]["affinity"]["podAntiAffinity"]


#: Which section of the values may put manifests of a kind into another namespace.
ELSEWHERE = {
    "GrafanaDashboard": "dashboards",
    "PodMonitor": "podMonitor",
    "PrometheusRule": "prometheusRule",
    "ServiceMonitor": "serviceMonitor",
}


@each_value_set
def test_no_manifest_is_unnamed_or_in_another_namespace_than_it_was_told(
    render: Callable[[Path], list[Manifest]], values: Path
) -> None:
    told = yaml.safe_load(values.read_text())
    own = told.get("namespaceOverride", "bots")

    for manifest in render(values):
        elsewhere = told.get(ELSEWHERE.get(manifest["kind"], ""), {}).get("namespace", own)
        labels = manifest["metadata"].get("labels", {})
        if {"grafana_dashboard", "grafana_alert"} & labels.keys():
            elsewhere = "monitoring"
        if manifest["metadata"]["name"].endswith(("-extra", "-text")):
            continue
        assert manifest["metadata"]["namespace"] == elsewhere, manifest["kind"]
        assert labels["app.kubernetes.io/managed-by"] == "Helm"


@each_value_set
def test_monitors_policies_and_budgets_find_the_pods(
    render: Callable[[Path], list[Manifest]], values: Path
) -> None:
    manifests, told = render(values), yaml.safe_load(values.read_text())
    if told.get("mode") == "sidecar":
        return
    labels = pod_of(manifests)["metadata"]["labels"].items()
    for manifest in manifests:
        spec = manifest.get("spec", {})
        if manifest["kind"] == "ServiceMonitor":
            service = of_kind(manifests, "Service")
            wanted = spec["selector"]["matchLabels"].items()
            assert wanted <= service["metadata"]["labels"].items()
            assert {one["port"] for one in spec["endpoints"]} <= {
                port["name"] for port in service["spec"]["ports"]
            }
        elif manifest["kind"] in ("PodMonitor", "PodMonitoring", "PodDisruptionBudget"):
            assert spec["selector"]["matchLabels"].items() <= labels
        elif manifest["kind"] == "NetworkPolicy":
            assert spec["podSelector"]["matchLabels"].items() <= labels
        elif manifest["kind"] == "Pod":  # a test, which must not be found as one of them
            assert not of_kind(manifests, "Service")["spec"]["selector"].items() <= (
                manifest["metadata"]["labels"].items()
            )
            assert not list(restricted_faults(manifest))


@each_value_set
def test_exporter_accepts_the_flags_that_the_chart_gives_it(
    render: Callable[[Path], list[Manifest]], values: Path, tmp_path: Path
) -> None:
    manifests = render(values)
    if yaml.safe_load(values.read_text()).get("mode") == "sidecar":
        return
    arguments = []
    for argument in exporter_in(pod_of(manifests))["args"]:
        if argument.startswith("--config.file="):
            config = tmp_path / "config.yaml"
            files = [one for one in manifests if "config.yaml" in one.get("data", {})]
            config.write_text(files[0]["data"]["config.yaml"])
            argument = f"--config.file={config}"
            assert file_layer(config)
        arguments.append(argument)

    loaded = load(arguments, {})

    assert all(account.key.api_key_file for account in loaded.settings.accounts())


def test_settings_reach_the_exporter_as_they_were_set(helm: Helm, tmp_path: Path) -> None:
    manifests = helm.template("--values", str(value_set("settings")))
    config = tmp_path / "config.yaml"
    (text,) = (it["data"]["config.yaml"] for it in manifests if "config.yaml" in it.get("data", {}))
    config.write_text(text)
    arguments = [
        f"--config.file={config}" if it.startswith("--config.file=") else it
        for it in exporter_in(pod_of(manifests))["args"]
    ]
    settings = load(arguments, {}).settings

    assert settings.region == "eu"
    assert settings.base_url == "https://proxy.example.com:8443/notai"
    assert settings.auth_header == "x-api-key"
    assert settings.poll.sessions_interval == 30
    assert settings.poll.usage_interval == 0
    assert settings.poll.health_interval == 0
    assert settings.poll.stale_after == 5400
    assert settings.analytics.windows == ("24h", "30d")
    assert settings.analytics.bot_percentage_scale == 1
    assert settings.analytics.bucket_timestamp == "end"
    assert settings.stats.include == ("total_*", "bots_*")
    assert settings.sessions.lookback == 3600
    assert settings.sessions.exemplars is True
    assert settings.sessions.bot_threshold == 0.8
    assert settings.sessions.bot_score_scale == 100
    assert settings.sessions.max_flags == 50
    assert settings.budget.share == 0.5
    assert settings.budget.replicas == 2
    assert settings.quota.limits == {"api_calls": 1000000, "events": 5000000000}
    assert settings.log.format == "json"
    assert settings.web.port == 9100
    assert settings.web.telemetry_path == "/notai/metrics"
    assert settings.web.enable_lifecycle is True
    assert settings.state.path is None


def test_a_switch_can_be_turned_off(helm: Helm) -> None:
    manifests = helm.template(*MINIMUM, "--set", "config.sessions.exemplars=false")

    assert "--no-sessions.exemplars" in exporter_in(pod_of(manifests))["args"]


def test_several_integrations_have_a_key_file_each(helm: Helm) -> None:
    manifests = helm.template("--values", str(value_set("integrations")))
    config = next(one for one in manifests if "config.yaml" in one.get("data", {}))
    entries = yaml.safe_load(config["data"]["config.yaml"])["integrations"]
    (volume,) = [
        one for one in pod_of(manifests)["spec"]["volumes"] if one["name"] == "isnotai-key"
    ]
    sources = [source["secret"] for source in volume["projected"]["sources"]]

    assert [entry["name"] for entry in entries] == ["school", "college: north", "lab"]
    assert [entry["api_key_file"] for entry in entries] == [
        f"/etc/isnotai/key/{source['items'][0]['path']}" for source in sources
    ]
    assert [source["name"] for source in sources] == [
        "isnotai-school",
        "isnotai-college",
        "isnotai-lab",
    ]


def test_the_key_is_a_file_readable_for_the_group_only(helm: Helm) -> None:
    pod = pod_of(helm.template(*MINIMUM))
    (volume,) = [one for one in pod["spec"]["volumes"] if one["name"] == "isnotai-key"]
    (mount,) = [one for one in exporter_in(pod)["volumeMounts"] if one["name"] == "isnotai-key"]

    assert volume["projected"]["defaultMode"] == 0o440
    assert mount["readOnly"] is True
    # A subPath is never renewed, so a rotated key would not be seen.
    assert "subPath" not in mount


@pytest.mark.parametrize(
    ("settings", "strategy"),
    [
        (
            "kind=Deployment",
            {
                "type": "RollingUpdate",
                "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"},
            },
        ),
        (
            "strategy.rollingUpdate.maxSurge=0",
            {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 0, "maxUnavailable": "25%"}},
        ),
        ("persistence.enabled=true", {"type": "Recreate", "rollingUpdate": None}),
        ("strategy.type=Recreate", {"type": "Recreate", "rollingUpdate": None}),
        (
            "kind=StatefulSet,persistence.enabled=true",
            {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}},
        ),
        ("kind=StatefulSet,strategy.type=OnDelete", {"type": "OnDelete", "rollingUpdate": None}),
        (
            "kind=DaemonSet,config.budget.replicas=3",
            {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}},
        ),
        (  # both above 0 would be refused
            "kind=DaemonSet,config.budget.replicas=3,strategy.rollingUpdate.maxSurge=1",
            {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
        ),
        (
            "kind=StatefulSet,strategy.rollingUpdate.maxUnavailable=2",
            {"type": "RollingUpdate", "rollingUpdate": {"partition": 0, "maxUnavailable": 2}},
        ),
    ],
)
def test_how_pods_are_replaced_is_said_in_full(
    helm: Helm, settings: str, strategy: Manifest
) -> None:
    spec = workload_of(helm.template(*MINIMUM, "--set", settings))["spec"]

    assert (spec.get("strategy") or spec["updateStrategy"]) == strategy


def test_persistent_state_has_one_writer(helm: Helm) -> None:
    manifests = helm.template("--values", str(value_set("persistence")))

    assert of_kind(manifests, "Deployment")["spec"]["strategy"]["type"] == "Recreate"
    claim = of_kind(manifests, "PersistentVolumeClaim")
    assert claim["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"
    (volume,) = [
        one for one in pod_of(manifests)["spec"]["volumes"] if one["name"] == "isnotai-state"
    ]
    assert volume["persistentVolumeClaim"]["claimName"] == claim["metadata"]["name"]


def test_without_persistence_the_state_outlives_the_container(helm: Helm) -> None:
    manifests = helm.template(*MINIMUM)

    assert {"name": "isnotai-state", "emptyDir": {}} in pod_of(manifests)["spec"]["volumes"]
    assert "--state.path=/var/lib/isnotai/state.db" in exporter_in(pod_of(manifests))["args"]


def test_replicas_share_the_budget(helm: Helm) -> None:
    manifests = helm.template(*MINIMUM, "--set", "replicaCount=3")

    assert "--budget.replicas=3" in exporter_in(pod_of(manifests))["args"]


def test_a_topology_constraint_spreads_these_pods_unless_it_has_a_selector(helm: Helm) -> None:
    manifests = helm.template("--values", str(value_set("replicas")))
    without, own = pod_of(manifests)["spec"]["topologySpreadConstraints"]

    selector = of_kind(manifests, "Deployment")["spec"]["selector"]
    assert without["labelSelector"] == selector
    assert without["maxSkew"] == 1
    assert own["labelSelector"] == {"matchLabels": {"tier": "monitoring"}}


def test_probes_ask_only_the_exporter_itself(helm: Helm) -> None:
    exporter = exporter_in(pod_of(helm.template(*MINIMUM)))

    assert exporter["livenessProbe"]["httpGet"]["path"] == "/-/healthy"
    assert exporter["readinessProbe"]["httpGet"]["path"] == "/-/ready"
    assert "startupProbe" not in exporter


def test_probes_and_monitors_follow_tls(helm: Helm) -> None:
    manifests = helm.template("--values", str(value_set("web-config")))
    exporter = exporter_in(pod_of(manifests))

    assert exporter["livenessProbe"]["httpGet"]["scheme"] == "HTTPS"
    (endpoint,) = of_kind(manifests, "ServiceMonitor")["spec"]["endpoints"]
    assert endpoint["scheme"] == "https"
    assert "--web.config-file=/etc/isnotai/web/web-config.yaml" in exporter["args"]


def test_probes_only_connect_where_client_certificates_are_wanted(helm: Helm) -> None:
    exporter = exporter_in(pod_of(helm.template("--values", str(value_set("client-certificates")))))

    assert exporter["livenessProbe"]["tcpSocket"] == {"port": "http"}
    assert "httpGet" not in exporter["readinessProbe"]


def test_otlp_headers_come_from_a_secret(helm: Helm) -> None:
    exporter = exporter_in(pod_of(helm.template("--values", str(value_set("otlp")))))
    variables = {variable["name"]: variable for variable in exporter["env"]}

    assert variables["OTEL_EXPORTER_OTLP_HEADERS"]["valueFrom"]["secretKeyRef"] == {
        "name": "otlp-headers",
        "key": "otlp",
    }
    assert variables["OTEL_METRIC_EXPORT_INTERVAL"]["value"] == "60000"


def test_exporter_reads_the_otlp_values_as_they_were_set(helm: Helm) -> None:
    exporter = exporter_in(pod_of(helm.template("--values", str(value_set("otlp")))))
    variables = {one["name"]: one["value"] for one in exporter["env"] if "value" in one}

    settings, warnings = read_otlp(variables)

    assert not warnings
    assert settings is not None
    assert (settings.interval, settings.timeout, settings.gzip) == (60, 5, True)
    assert settings.resource == {
        "deployment.environment.name": "production",
        "service.namespace": "a, b=c 100% + d",
        "service.name": "isnotai-exporter",
        # What the kubelet fills in.
        "k8s.cluster.name": "$(CLUSTER)",
        "k8s.namespace.name": "$(POD_NAMESPACE)",
        "k8s.node.name": "$(NODE_NAME)",
        "k8s.pod.name": "$(POD_NAME)",
    }
    assert "k8s.pod.name=$(POD_NAME)" in variables["OTEL_RESOURCE_ATTRIBUTES"].split(",")


def test_digest_wins_over_tag_and_global_registry_over_the_images(helm: Helm) -> None:
    pod = pod_of(helm.template("--values", str(value_set("image"))))

    image = exporter_in(pod)["image"]
    assert image.startswith("registry.example.com/mirror/isnotai-exporter@sha256:0123")
    assert pod["spec"]["imagePullSecrets"] == [
        {"name": "shared"},
        {"name": "other"},
        {"name": "own"},
        {"name": "notai-pull"},
    ]


def test_extra_manifests_go_through_tpl(helm: Helm) -> None:
    manifests = helm.template("--values", str(value_set("extras")))
    extra = {one["metadata"]["name"]: one["data"] for one in manifests if "data" in one}

    assert extra == {"notai-extra": {"integration": "team-a"}, "notai-text": {"a": "b"}}


def test_chart_is_refused_where_kubernetes_does_not_know_all_its_fields(helm: Helm) -> None:
    # 1.26 brought unhealthyPodEvictionPolicy.
    with pytest.raises(ChartRefusedError, match="kubeVersion"):
        helm.template(*MINIMUM, "--kube-version", "1.25.16")

    assert helm.template(*MINIMUM, "--kube-version", "1.26.0")


def test_notes_tell_what_to_do_next(helm: Helm) -> None:
    printed = helm.run(
        *("install", "notai", str(CHART), "--namespace", "bots", "--dry-run=client"), *MINIMUM
    )
    notes = printed.partition("NOTES:")[2]

    assert "kubectl --namespace bots port-forward deployment/notai-isnotai-exporter 10984" in notes
    assert "serviceMonitor.enabled" in notes
    assert "persistence.enabled" in notes
    assert "prometheusRule in one release per Prometheus" in notes
    assert "dashboards in one release per Grafana only" in notes


def test_notes_warn_of_sums_where_exporters_share_a_key(helm: Helm) -> None:
    printed = helm.run(
        *("install", "notai", str(CHART), "--dry-run=client", "--set", "replicaCount=3"), *MINIMUM
    )

    assert "max by (integration), not sum" in printed
