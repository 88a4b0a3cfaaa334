"""What the chart's NetworkPolicy lets in and out."""

import pytest
import yaml

from tests.tools.chart import CHART, MINIMUM, Helm, Manifest, of_kind, pod_of

pytestmark = pytest.mark.tools

POLICY = ("--set", "networkPolicy.enabled=true")


def policy_of(manifests: list[Manifest]) -> Manifest:
    spec: Manifest = of_kind(manifests, "NetworkPolicy")["spec"]
    return spec


def of_value_set(helm: Helm, name: str) -> Manifest:
    return policy_of(helm.template("--values", str(CHART / "ci" / f"{name}-values.yaml")))


def ports_out(policy: Manifest) -> list[list[object]]:
    """The ports of each egress rule: DNS first, then the API, then the others."""
    return [[port["port"] for port in rule["ports"]] for rule in policy["egress"]]


def test_only_what_is_needed_goes_in_or_out(helm: Helm) -> None:
    policy = policy_of(helm.template(*MINIMUM, *POLICY))

    assert policy["policyTypes"] == ["Ingress", "Egress"]
    assert ports_out(policy) == [[53, 53], [443]]
    assert {port["protocol"] for port in policy["egress"][0]["ports"]} == {"TCP", "UDP"}
    assert [port["port"] for port in policy["ingress"][0]["ports"]] == [10984]


def test_ports_follow_the_addresses_of_the_integrations(helm: Helm) -> None:
    assert ports_out(of_value_set(helm, "integrations"))[1] == [443, 8080]


def test_otlps_port_is_that_of_the_receivers_pods_where_it_is_said(helm: Helm) -> None:
    endpoint = "otlp.enabled=true,otlp.endpoint=http://otel-collector"
    as_the_service = policy_of(helm.template(*MINIMUM, *POLICY, "--set", endpoint))

    assert ports_out(as_the_service)[2] == [80]
    # The value set's Service is on 4318, its pods are on another port.
    assert ports_out(of_value_set(helm, "otlp"))[2] == [14318]


def test_dns_ports_and_the_nodes_own_cache_can_be_said(helm: Helm) -> None:
    dns = of_value_set(helm, "network-policy")["egress"][0]

    assert {port["port"] for port in dns["ports"]} == {5353}
    assert [peer["ipBlock"]["cidr"] for peer in dns["to"][1:]] == [
        "169.254.25.10/32",
        "fd00::10/128",
    ]
    assert "namespaceSelector" in dns["to"][0]


def test_where_dns_may_be_everywhere_the_nodes_cache_narrows_nothing(helm: Helm) -> None:
    assert "to" not in policy_of(helm.template(*MINIMUM, *POLICY))["egress"][0]


@pytest.mark.parametrize(
    ("variables", "ports"),
    [
        ({"HTTPS_PROXY": "http://proxy.example.com:3128"}, [3128]),
        ({"https_proxy": "http://proxy.example.com"}, [80]),
        ({"HTTPS_PROXY": "proxy.example.com:3128"}, [3128]),
        ({"ALL_PROXY": "http://proxy.example.com:8080"}, [8080]),
        ({"HTTP_PROXY": "http://proxy.example.com:3128"}, [443]),
        ({"HTTPS_PROXY": "http://proxy.example.com:3128", "NO_PROXY": ".isnotai.com"}, [3128, 443]),
    ],
)
def test_an_api_behind_a_proxy_is_reached_by_the_proxys_port(
    helm: Helm, variables: dict[str, str], ports: list[int]
) -> None:
    settings = [
        setting
        for index, (name, value) in enumerate(variables.items())
        for setting in (f"extraEnv[{index}].name={name}", f"extraEnv[{index}].value={value}")
    ]

    policy = policy_of(helm.template(*MINIMUM, *POLICY, "--set", ",".join(settings)))

    assert ports_out(policy)[1] == ports


@pytest.mark.parametrize(
    ("variables", "ports"),
    [
        ({"HTTP_PROXY": "http://proxy.example.com:3128"}, [3128]),
        ({"HTTPS_PROXY": "http://proxy.example.com:3128"}, [4318]),
        ({"HTTP_PROXY": "http://proxy.example.com:3128", "NO_PROXY": ".svc"}, [3128, 4318]),
    ],
)
def test_a_receiver_behind_a_proxy_is_reached_by_the_proxys_port(
    helm: Helm, variables: dict[str, str], ports: list[int]
) -> None:
    settings = ["otlp.enabled=true,otlp.endpoint=http://otel:4318,networkPolicy.enabled=true"]
    for place, (name, value) in enumerate(variables.items()):
        settings.append(f"extraEnv[{place}].name={name},extraEnv[{place}].value={value}")

    policy = policy_of(helm.template(*MINIMUM, "--set", ",".join(settings)))

    assert ports_out(policy)[2] == ports


def test_the_apis_ports_can_be_said(helm: Helm) -> None:
    assert ports_out(of_value_set(helm, "network-policy"))[1] == [8443]


def test_postgresql_is_let_out_to_where_it_is_asked_for(helm: Helm) -> None:
    rule = of_value_set(helm, "network-policy")["egress"][2]

    assert [port["port"] for port in rule["ports"]] == [5433, "tcp-postgresql"]
    assert rule["to"] == [{"podSelector": {"matchLabels": {"app": "postgresql"}}}]


def test_the_charts_own_test_is_let_in(helm: Helm) -> None:
    manifests = helm.template("--values", str(CHART / "ci/network-policy-values.yaml"))
    peers = policy_of(manifests)["ingress"][0]["from"]
    labels = of_kind(manifests, "Pod")["metadata"]["labels"]

    assert any(
        peer.get("podSelector", {}).get("matchLabels", {"": ""}).items() <= labels.items()
        for peer in peers
        if "namespaceSelector" not in peer
    )
    # And is not held back itself.
    selector = policy_of(manifests)["podSelector"]["matchLabels"]
    assert not selector.items() <= labels.items()
    assert selector.items() <= pod_of(manifests)["metadata"]["labels"].items()


def test_value_sets_of_policies_are_what_these_tests_take_them_for() -> None:
    told = yaml.safe_load((CHART / "ci/otlp-values.yaml").read_text("utf-8"))

    assert told["otlp"]["endpoint"].endswith(":4318")
