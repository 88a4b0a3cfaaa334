"""What the chart refuses: values that contradict each other, that nothing would heed, or that
Kubernetes or Prometheus would pass over in silence. Each refusal says what to do."""

import pytest

from tests.tools.chart import MINIMUM, ChartRefusedError, Helm

pytestmark = pytest.mark.tools

SIDECAR = "mode=sidecar,config.budget.replicas=2"
WEB = "webConfig.existingSecret=web,webConfig.tls=true"
GRAFANA = "grafanaAlerts.enabled=true"


def refusal_of(helm: Helm, settings: str, release: str = "notai") -> str:
    """What Helm says to these settings, in one line as it wraps none."""
    with pytest.raises(ChartRefusedError) as refusal:
        helm.template(*MINIMUM, "--set", settings, release=release)
    return str(refusal.value)


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("integration=", "integration is required"),
        ("integration=default", "must not be default"),
        ("apiKey.existingSecret=", "apiKey.existingSecret is required"),
        ("apiKey.file=/mnt/key", "apiKey.existingSecret and apiKey.file contradict each other"),
        ("integrations[0].name=a,integrations[0].existingSecret=a", "keep one of them"),
        (
            "apiKey.existingSecret=,apiKey.file=/k,integrations[0].name=a,integrations[0].file=/a",
            "apiKey.file and integrations contradict each other",
        ),
        ("replicaCount=3,config.budget.replicas=2", "leave config.budget.replicas out"),
        ("kind=DaemonSet", "config.budget.replicas is required with kind DaemonSet"),
        (SIDECAR.partition(",")[0], "config.budget.replicas is required with mode sidecar"),
    ],
)
def test_a_key_and_a_name_of_its_own_are_required(helm: Helm, setting: str, said: str) -> None:
    assert said in refusal_of(helm, setting)


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("persistence.enabled=true,replicaCount=2", "the state has one writer"),
        ("persistence.enabled=true,strategy.type=RollingUpdate", "contradict each other"),
        (
            "persistence.enabled=true,strategy.rollingUpdate.maxSurge=0",
            "persistence.enabled and strategy.type RollingUpdate contradict each other",
        ),
        (
            "strategy.type=Recreate,strategy.rollingUpdate.maxSurge=0",
            "strategy.rollingUpdate and strategy.type Recreate contradict each other",
        ),
        ("kind=StatefulSet,strategy.type=Recreate", "Recreate is not known to a StatefulSet"),
        ("strategy.type=OnDelete", "OnDelete is not known to a Deployment"),
        (
            "kind=DaemonSet,config.budget.replicas=3,persistence.enabled=true",
            "persistence.enabled and kind DaemonSet contradict each other",
        ),
        (
            "kind=DaemonSet,config.budget.replicas=3,replicaCount=3",
            "replicaCount and kind DaemonSet contradict each other",
        ),
        (
            "strategy.rollingUpdate.partition=1",
            "partition is not known to a Deployment, only maxSurge and maxUnavailable",
        ),
        (
            "kind=StatefulSet,strategy.rollingUpdate.maxSurge=1",
            "maxSurge is not known to a StatefulSet, only partition and maxUnavailable",
        ),
        (
            "strategy.rollingUpdate.maxSurge=0,strategy.rollingUpdate.maxUnavailable=0",
            "both 0, so that no pod could be replaced",
        ),
        (
            (
                "kind=DaemonSet,config.budget.replicas=3,"
                "strategy.rollingUpdate.maxSurge=1,strategy.rollingUpdate.maxUnavailable=1"
            ),
            "contradict each other for a DaemonSet",
        ),
        ("persistence.enabled=true,state.enabled=false", "needs state.enabled"),
        ("persistence.existingClaim=a", "existingClaim needs persistence.enabled"),
        ("persistence.enabled=true,state.sizeLimit=1Gi", "set persistence.size"),
        ("hostPort=10984", "hostPort: no two pods can have the port of one node"),
        (
            "hostPort=10984,strategy.rollingUpdate.maxUnavailable=1",
            "hostPort: no two pods can have the port of one node",
        ),
        (
            (
                "kind=DaemonSet,config.budget.replicas=3,hostPort=10984,"
                "strategy.rollingUpdate.maxSurge=1"
            ),
            "hostPort: no two pods can have the port of one node",
        ),
        ("hostNetwork=true", "hostNetwork: no two pods can have the port of one node"),
        ("hostNetwork=true,hostPort=80,strategy.type=Recreate", "both ports are one"),
    ],
)
def test_a_state_has_one_writer_and_pods_can_be_replaced(
    helm: Helm, setting: str, said: str
) -> None:
    assert said in refusal_of(helm, setting)


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("minAvailable=1,podDisruptionBudget.maxUnavailable=1", "keep one of them"),
        ("minAvailable=1", "minAvailable 1 of 1 lets no pod go"),
        ("minAvailable=1%", "minAvailable 1% of 1 lets no pod go"),
        ("minAvailable=3,replicaCount=3", "minAvailable 3 of 3 lets no pod go"),
        ("minAvailable=67%,replicaCount=3", "minAvailable 67% of 3 lets no pod go"),
        ("maxUnavailable=0", "maxUnavailable 0 lets no pod go"),
        ("maxUnavailable=0%", "maxUnavailable 0% lets no pod go"),
        ("labels.a=b,kind=DaemonSet,config.budget.replicas=3", "a drain leaves its pods alone"),
    ],
)
def test_a_budget_never_blocks_a_drain(helm: Helm, setting: str, said: str) -> None:
    settings = f"podDisruptionBudget.enabled=true,podDisruptionBudget.{setting}"

    assert said in refusal_of(helm, settings)


@pytest.mark.parametrize(
    "setting",
    ["minAvailable=66%,replicaCount=3", "minAvailable=0", "maxUnavailable=1%", "labels.a=b"],
)
def test_a_budget_that_lets_a_pod_go_is_made(helm: Helm, setting: str) -> None:
    settings = f"podDisruptionBudget.enabled=true,podDisruptionBudget.{setting}"

    assert helm.template(*MINIMUM, "--set", settings)


@pytest.mark.parametrize("label", ["name", "instance", "managed-by"])
@pytest.mark.parametrize(
    "value",
    [
        "commonLabels",
        "deploymentLabels",
        "podLabels",
        "service.labels",
        "serviceMonitor.labels",
        "persistence.labels",
        "dashboards.grafanaOperator.labels",
        "tests.labels",
    ],
)
def test_no_label_can_part_what_the_chart_makes(helm: Helm, value: str, label: str) -> None:
    said = refusal_of(helm, f"{value}.app\\.kubernetes\\.io/{label}=mine")

    assert f"{value}: app.kubernetes.io/{label} is what the chart, its monitors" in said


@pytest.mark.parametrize("name", ["MyTeam", "a_b", "9lives", "a.b", "a-", "a" * 64])
def test_names_that_kubernetes_refuses_are_refused_at_once(helm: Helm, name: str) -> None:
    assert f'"{name}" is not a name for a Service' in refusal_of(helm, f"fullnameOverride={name}")


def test_a_release_whose_name_starts_with_a_digit_is_told_to_set_another(helm: Helm) -> None:
    said = refusal_of(helm, "region=us", release="9lives")

    assert '"9lives-isnotai-exporter" is not a name for a Service: set fullnameOverride' in said
    assert helm.template(*MINIMUM, "--set", "fullnameOverride=nine", release="9lives")


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("extraArgs={--state.path=/tmp/x}", "--state.path is set by the value state"),
        ("extraArgs={--region=eu}", "--region is set by the value region"),
        ("extraArgs={--base_url=http://x}", "--base_url is set by the value baseUrl"),
        ("extraArgs={--auth-header=x-api-key}", "--auth-header is set by the value authHeader"),
        ("extraArgs={--auth_header=x-api-key}", "--auth_header is set by the value authHeader"),
        ("extraArgs={--budget.replicas=2}", "is set by the value config.budget.replicas"),
        ("extraArgs={--web.enable-lifecycle}", "is set by the value web.enableLifecycle"),
        ("extraArgs={--no-web.enable-lifecycle}", "is set by the value web.enableLifecycle"),
        (
            "config.log.level=debug,extraArgs={--log.level=info}",
            "--log.level is set by the value config.log.level",
        ),
        (
            "integrations[0].name=a,integrations[0].existingSecret=a,extraArgs={--config.file=x}",
            "--config.file is set by the value integrations",
        ),
        ("extraEnv[0].name=ISNOTAI_API_KEY,extraEnv[0].value=x", "use apiKey.existingSecret"),
        (
            "extraEnv[0].name=ISNOTAI_WEB_TELEMETRY_PATH,extraEnv[0].value=x",
            "ISNOTAI_WEB_TELEMETRY_PATH is set by the value web.telemetryPath",
        ),
        (
            (
                "otlp.enabled=true,otlp.endpoint=http://otel:4318,"
                "extraEnv[0].name=OTEL_EXPORTER_OTLP_ENDPOINT,extraEnv[0].value=x"
            ),
            "OTEL_EXPORTER_OTLP_ENDPOINT is set by the value otlp",
        ),
        (
            "extraEnv[0].name=A,extraEnv[0].value=x,extraEnv[1].name=A,extraEnv[1].value=y",
            "extraEnv: A is there twice",
        ),
        ("extraVolumes[0].name=isnotai-key", "isnotai-key is the name of a volume of the chart"),
        (
            "extraVolumeMounts[0].name=x,extraVolumeMounts[0].mountPath=/tmp/",
            "is where the chart mounts something itself",
        ),
        ("otlp.enabled=true", "needs otlp.endpoint"),
        ("serviceAccount.create=false,serviceAccount.annotations.a=b", "needs serviceAccount"),
        ("service.nodePort=30000", "service.nodePort needs service.type NodePort"),
        ("service.loadBalancerClass=a", "need service.type LoadBalancer"),
        ("service.clusterIP=None,service.type=NodePort", "needs service.type ClusterIP"),
        ("ingress.enabled=true", "ingress.enabled needs ingress.hosts"),
        ("httpRoute.enabled=true", "httpRoute.enabled needs httpRoute.parentRefs"),
        (
            "httpRoute.enabled=true,httpRoute.parentRefs[0].name=a,service.enabled=false",
            "httpRoute.enabled needs service.enabled",
        ),
        (
            (
                "httpRoute.enabled=true,httpRoute.parentRefs[0].name=a,"
                "httpRoute.httpsRedirect=true,httpRoute.matches[0].path.value=/"
            ),
            "httpRoute.matches and .filters would do nothing",
        ),
        ("service.ipFamilies={IPv4,IPv6}", "needs service.ipFamilyPolicy"),
        ("kubeVersionOverride=1.25.0", "Kubernetes 1.26 or later is needed"),
    ],
)
def test_nothing_is_set_twice_or_for_nothing(helm: Helm, setting: str, said: str) -> None:
    assert said in refusal_of(helm, setting)


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("serviceMonitor.enabled=true,service.enabled=false", "needs service.enabled"),
        ("serviceMonitor.enabled=true,podMonitor.enabled=true", "the same target twice"),
        ("podMonitoring.enabled=true,podMonitor.enabled=true", "the same target twice"),
        ("webConfig.tls=true", "need webConfig.existingSecret"),
        ("webConfig.existingSecret=a,webConfig.clientCertificates=true", "needs webConfig.tls"),
        (f"{WEB},serviceMonitor.enabled=true", "serviceMonitor.tlsConfig is required"),
        (f"{WEB},podMonitor.enabled=true", "podMonitor.tlsConfig is required"),
        (f"{WEB},podMonitoring.enabled=true", "podMonitoring.tls is required"),
        (
            (
                f"{WEB},webConfig.clientCertificates=true,podMonitor.enabled=true,"
                "podMonitor.tlsConfig.insecureSkipVerify=true"
            ),
            "podMonitor.tlsConfig needs a cert and its key",
        ),
        (
            f"{WEB},podMonitor.enabled=true,podMonitor.scheme=http",
            "podMonitor.scheme http and webConfig.tls contradict each other",
        ),
        (
            "podMonitor.enabled=true,podMonitor.tlsConfig.insecureSkipVerify=true",
            "podMonitor.tlsConfig needs podMonitor.scheme https or webConfig.tls",
        ),
        (
            (
                "podMonitor.enabled=true,podMonitor.basicAuth.username.name=a,"
                "podMonitor.basicAuth.username.key=a,podMonitor.authorization.type=Bearer"
            ),
            "podMonitor.basicAuth and podMonitor.authorization contradict each other",
        ),
        (
            "serviceMonitor.enabled=true,serviceMonitor.stableInstance=true",
            "serviceMonitor.stableInstance needs persistence.enabled",
        ),
        (
            (
                "serviceMonitor.enabled=true,serviceMonitor.interval=10s,"
                "serviceMonitor.scrapeTimeout=1m30s"
            ),
            "serviceMonitor: a time-out of 1m30s is longer than the interval of 10s",
        ),
        ("podMonitoring.enabled=true,podMonitoring.timeout=31s", "longer than the interval of 30s"),
    ],
)
def test_no_monitor_is_made_whose_scrapes_would_fail(helm: Helm, setting: str, said: str) -> None:
    assert said in refusal_of(helm, setting)


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        (
            "networkPolicy.enabled=true,hostNetwork=true",
            "no policy is about the node's own network",
        ),
        (
            (
                "networkPolicy.enabled=true,extraEnv[0].name=HTTPS_PROXY,"
                "extraEnv[0].valueFrom.configMapKeyRef.name=a"
            ),
            "networkPolicy.egress.api.ports is required where extraEnv takes HTTPS_PROXY",
        ),
        (
            (
                "networkPolicy.enabled=true,networkPolicy.egress.api.ports={3128},"
                "otlp.enabled=true,otlp.endpoint=http://otel:4318,extraEnv[0].name=HTTP_PROXY,"
                "extraEnv[0].valueFrom.configMapKeyRef.name=a"
            ),
            "networkPolicy.egress.otlp.ports is required where extraEnv takes HTTP_PROXY",
        ),
        ("networkPolicy.enabled=true,networkPolicy.egress.dns.ports=null", "dns.ports must not be"),
    ],
)
def test_no_policy_is_made_that_says_less_than_it_seems(
    helm: Helm, setting: str, said: str
) -> None:
    assert said in refusal_of(helm, setting)


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("persistence.enabled=true", "mode standalone"),
        ("serviceMonitor.enabled=true", "take podMonitor"),
        ("networkPolicy.enabled=true", "host application's"),
        ("podDisruptionBudget.enabled=true", "host application's"),
        ("ingress.enabled=true", "there is no Service"),
        ("verticalPodAutoscaler.enabled=true", "host application's"),
        ("nodeSelector.a=b", "nodeSelector and mode sidecar contradict each other"),
        ("hostNetwork=true", "hostNetwork and mode sidecar contradict each other"),
        ("replicaCount=3", "say in config.budget.replicas how many pods there are"),
        ("kind=StatefulSet", "kind and mode sidecar contradict each other"),
        ("priorityClassName=low", "priorityClassName and mode sidecar contradict each other"),
    ],
)
def test_a_sidecar_decides_nothing_about_its_hosts_pod(helm: Helm, setting: str, said: str) -> None:
    assert said in refusal_of(helm, f"{SIDECAR},{setting}")


@pytest.mark.parametrize(
    "setting",
    [
        "integraton=a",
        "image.tagg=1",
        "image.digest=sha256:1",
        "config.poll.sessionInterval=1m",
        "config.poll.sessionsInterval=60",
        "config.web.port=1",
        "commonLabels.a=b c",
        "config.budget.share=2",
        "region=apac",
        "baseUrl=ftp://x",
        "livenessProbe.httpGet.path=/",
        "livenessProbe.successThreshold=2",
        "startupProbe.successThreshold=2",
        "otlp.compression=zstd",
        "otlp.resourceAttributes.a\\,b=c",
        "networkPolicy.egress.api.port=1",
        "networkPolicy.egress.otlp.ports={0}",
        "replicaCount=-1",
        "web.telemetryPath=/-/healthy",
        "apiKey.value=aik_v1_x",
        "apiKey.file=key",
        "service.type=ExternalName",
        "kind=Job",
        "namespaceOverride=My_Team",
        "serviceMonitor.namespace=My_Team",
        "nameOverride=My_Team",
        "serviceMonitor.interval=often",
        "integrations[0].name=a",
    ],
)
def test_unknown_and_impossible_values_are_refused(helm: Helm, setting: str) -> None:
    said = refusal_of(helm, setting)

    assert "don't meet the specifications of the schema" in said


@pytest.mark.parametrize(
    "value", ["kind", "webConfig.tls", "serviceMonitor", "prometheusRule.alerts"]
)
def test_a_value_that_is_needed_cannot_be_taken_away(helm: Helm, value: str) -> None:
    name = value.rpartition(".")[2]

    assert f"missing property '{name}'" in refusal_of(helm, f"{value}=null")
