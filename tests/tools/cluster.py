"""The chart installed into a real API server that enforces pod security `restricted`.

Not part of CI: etcd and kube-apiserver take long to build, so this file has no name that pytest
collects by itself. `make test-cluster` runs it. There is no controller and no kubelet: what the API
server accepts is seen, not whether pods start; the pods that a controller would make are offered to
it as they are.
"""

import os
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

import httpx
import pytest
import yaml

from tests.tools.chart import (
    CHART,
    ROOT,
    VALUE_SETS,
    Helm,
    Manifest,
    example_with_its_dependency,
    helm_from,
    of_kind,
)

START_SECONDS = 120
TOKEN = "cluster-test"
MONITORING = ("podmonitors", "prometheusrules", "servicemonitors")

# What the value sets take for granted in a cluster.
TAKEN_FOR_GRANTED: tuple[Manifest, ...] = (
    {
        "apiVersion": "scheduling.k8s.io/v1",
        "kind": "PriorityClass",
        "metadata": {"name": "low"},
        "value": 1,
    },
    {
        "apiVersion": "node.k8s.io/v1",
        "kind": "RuntimeClass",
        "metadata": {"name": "gvisor"},
        "handler": "runsc",
    },
)
PATHS = {
    "CustomResourceDefinition": "apis/apiextensions.k8s.io/v1/customresourcedefinitions",
    "Deployment": "apis/apps/v1/namespaces/{}/deployments",
    "Namespace": "api/v1/namespaces",
    "Pod": "api/v1/namespaces/{}/pods",
    "PriorityClass": "apis/scheduling.k8s.io/v1/priorityclasses",
    "RuntimeClass": "apis/node.k8s.io/v1/runtimeclasses",
    "Service": "api/v1/namespaces/{}/services",
    "ServiceAccount": "api/v1/namespaces/{}/serviceaccounts",
}


@dataclass(frozen=True)
class Cluster:
    """An API server: a client with an administrator's token, and a kubeconfig."""

    client: httpx.Client
    kubeconfig: Path

    def create(self, manifest: Manifest, namespace: str = "", dry_run: bool = False) -> None:
        """Create an object; AssertionError with the server's words where it refuses or warns."""
        path = PATHS[manifest["kind"]].format(namespace)
        parameters = {"dryRun": "All"} if dry_run else {}
        answer = self.client.post(
            path, json=manifest, params=parameters | {"fieldValidation": "Strict"}
        )
        assert answer.status_code == httpx.codes.CREATED, answer.text
        assert "warning" not in answer.headers, answer.headers["warning"]

    def namespace(self, name: str) -> None:
        """Create a namespace that enforces `restricted`, with the accounts that pods name."""
        labels = {
            f"pod-security.kubernetes.io/{mode}": "restricted"
            for mode in ("enforce", "warn", "audit")
        }
        self.create(
            {
                "apiVersion": "v1",
                "kind": "Namespace",
                "metadata": {"name": name, "labels": labels},
            }
        )
        for account in ("default", "builder"):
            self.create(
                {
                    "apiVersion": "v1",
                    "kind": "ServiceAccount",
                    "metadata": {"name": account},
                },
                name,
            )

    def offer_pod(self, template: Manifest, namespace: str) -> None:
        """Have the server judge the pod that a Deployment's controller would make."""
        metadata = template["metadata"] | {"name": "offered"}
        self.create(
            {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"]},
            namespace,
            dry_run=True,
        )


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
        return port


@contextmanager
def running(command: list[str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A program, ended with the block."""
    with (
        log.open("wb") as written,
        subprocess.Popen(command, stdout=written, stderr=subprocess.STDOUT) as process,
    ):
        try:
            yield process
        finally:
            process.terminate()


def wait_until_ready(client: httpx.Client, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = monotonic() + START_SECONDS
    while True:
        try:
            if client.get("readyz").status_code == httpx.codes.OK:
                return
        except httpx.TransportError:
            pass
        try:
            server.wait(0.3)
        except subprocess.TimeoutExpired:
            assert monotonic() < deadline, log.read_text()[-3000:]
        else:
            pytest.fail(f"kube-apiserver ended: {log.read_text()[-3000:]}")


@pytest.fixture(scope="module")
def cluster(
    tool: Callable[[str], Path],
    shared_file: Callable[[str], Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Cluster]:
    work = tmp_path_factory.mktemp("cluster")
    etcd_url, peer_url = (f"http://127.0.0.1:{free_port()}" for _ in range(2))
    port = free_port()
    (work / "tokens.csv").write_text(f'{TOKEN},admin,1,"system:masters"\n')
    subprocess.run(
        ["openssl", "genrsa", "-out", str(work / "accounts.key"), "2048"],
        check=True,
        capture_output=True,
        timeout=60,
    )
    etcd = [
        str(tool("etcd")),
        f"--data-dir={work / 'etcd'}",
        f"--listen-client-urls={etcd_url}",
        f"--advertise-client-urls={etcd_url}",
        f"--listen-peer-urls={peer_url}",
        f"--initial-advertise-peer-urls={peer_url}",
        f"--initial-cluster=default={peer_url}",
    ]
    server = [
        str(tool("kube-apiserver")),
        f"--etcd-servers={etcd_url}",
        "--bind-address=127.0.0.1",
        f"--secure-port={port}",
        f"--cert-dir={work / 'certificates'}",
        f"--token-auth-file={work / 'tokens.csv'}",
        "--authorization-mode=RBAC",
        "--service-cluster-ip-range=10.0.0.0/24",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-key-file={work / 'accounts.key'}",
        f"--service-account-signing-key-file={work / 'accounts.key'}",
    ]
    kubeconfig = work / "kubeconfig"
    url = f"https://127.0.0.1:{port}"
    kubeconfig.write_text(yaml.safe_dump(kubeconfig_for(url)))
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, work)
        stack.enter_context(running(etcd, work / "etcd.log"))
        process = stack.enter_context(running(server, work / "server.log"))
        client = stack.enter_context(
            httpx.Client(
                base_url=url,
                headers={"Authorization": f"Bearer {TOKEN}"},
                verify=False,  # noqa: S501 - its certificate is made at each start
                timeout=30,
            )
        )
        wait_until_ready(client, process, work / "server.log")
        found = Cluster(client, kubeconfig)
        for plural in MONITORING:
            name = f"prometheus-operator-crd/monitoring.coreos.com_{plural}.yaml"
            definition = yaml.safe_load(shared_file(name).read_text())
            answer = client.post(PATHS["CustomResourceDefinition"], json=definition)
            assert answer.status_code == httpx.codes.CREATED, answer.text
        for manifest in TAKEN_FOR_GRANTED:
            found.create(manifest)
        for name in ("monitoring", "bots"):
            found.namespace(name)
        yield found


def kubeconfig_for(url: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {"name": "test", "cluster": {"server": url, "insecure-skip-tls-verify": True}}
        ],
        "users": [{"name": "admin", "user": {"token": TOKEN}}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "admin"}}],
        "current-context": "test",
    }


@pytest.fixture(scope="module")
def helm(tool: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Helm:
    return helm_from(tool, tmp_path_factory.mktemp("helm"))


def install(helm: Helm, cluster: Cluster, release: str, chart: Path, *arguments: str) -> str:
    """Install a release; all that helm and the server say."""
    answer = subprocess.run(
        [
            *(str(helm.program), "install", release, str(chart), "--namespace", release),
            *("--kubeconfig", str(cluster.kubeconfig)),
            *arguments,
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env=os.environ | {"HOME": str(helm.home)},
    )
    printed = answer.stdout + answer.stderr
    assert answer.returncode == 0, printed
    return printed


@pytest.mark.parametrize("values", VALUE_SETS, ids=lambda path: path.stem)
def test_nothing_of_the_chart_is_refused_or_warned_about(
    cluster: Cluster, helm: Helm, values: Path
) -> None:
    release = f"with-{values.stem.removesuffix('-values')}"
    cluster.namespace(release)

    printed = install(helm, cluster, release, CHART, "--values", str(values))

    assert "STATUS: deployed" in printed
    assert "warning" not in printed.lower(), printed
    for namespace in {release, "bots"}:
        made = cluster.client.get(PATHS["Deployment"].format(namespace)).json()["items"]
        for deployment in made:
            cluster.offer_pod(deployment["spec"]["template"], namespace)


@pytest.mark.parametrize("way", ["native", "container"])
def test_no_pod_with_a_sidecar_is_refused(
    cluster: Cluster, helm: Helm, tmp_path: Path, way: str
) -> None:
    chart = example_with_its_dependency(helm, tmp_path)
    release = f"notes-{way}"
    cluster.namespace(release)

    printed = install(helm, cluster, release, chart, "--set", f"sidecar={way}")

    assert "warning" not in printed.lower(), printed
    (deployment,) = cluster.client.get(PATHS["Deployment"].format(release)).json()["items"]
    cluster.offer_pod(deployment["spec"]["template"], release)


def test_plain_manifests_are_not_refused(cluster: Cluster) -> None:
    cluster.namespace("plain")
    text = (ROOT / "deploy/kustomize/base/deployment.yaml").read_text("utf-8")
    manifests = list(yaml.safe_load_all(text))

    for manifest in manifests:
        cluster.create(manifest, "plain")
    cluster.offer_pod(of_kind(manifests, "Deployment")["spec"]["template"], "plain")


def test_the_server_does_enforce(cluster: Cluster) -> None:
    cluster.namespace("strict")
    bare = {"metadata": {}, "spec": {"containers": [{"name": "bare", "image": "bare"}]}}

    with pytest.raises(AssertionError, match="violates PodSecurity"):
        cluster.offer_pod(bare, "strict")
