"""A real API server that enforces pod security `restricted`, for the tests of `make test-cluster`.

etcd and kube-apiserver, built from their modules, on loopback, ended with the tests. There is no
controller and no kubelet: what the API server accepts is seen, not whether pods start; the pods
that a controller would make are offered to it as they are.
"""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

import httpx
import pytest
import yaml

from tests.ports import free_port
from tests.tools.chart import WORKLOADS, Helm, Manifest
from tests.tools.kubernetes_schemas import SAME_AS, definitions

START_SECONDS = 240
HELM_SECONDS = 120
TOKEN = "cluster-test"

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
    "ConfigMap": "api/v1/namespaces/{}/configmaps",
    "CronJob": "apis/batch/v1/namespaces/{}/cronjobs",
    "DaemonSet": "apis/apps/v1/namespaces/{}/daemonsets",
    "Deployment": "apis/apps/v1/namespaces/{}/deployments",
    "Job": "apis/batch/v1/namespaces/{}/jobs",
    "Namespace": "api/v1/namespaces",
    "Pod": "api/v1/namespaces/{}/pods",
    "PodMonitor": "apis/monitoring.coreos.com/v1/namespaces/{}/podmonitors",
    "PriorityClass": "apis/scheduling.k8s.io/v1/priorityclasses",
    "PrometheusRule": "apis/monitoring.coreos.com/v1/namespaces/{}/prometheusrules",
    "RuntimeClass": "apis/node.k8s.io/v1/runtimeclasses",
    "Service": "api/v1/namespaces/{}/services",
    "ServiceAccount": "api/v1/namespaces/{}/serviceaccounts",
    "ServiceMonitor": "apis/monitoring.coreos.com/v1/namespaces/{}/servicemonitors",
    "StatefulSet": "apis/apps/v1/namespaces/{}/statefulsets",
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

    def namespace(self, name: str, level: str = "restricted") -> None:
        """Create a namespace that enforces a level of pod security, with what pods name in it."""
        labels = {
            f"pod-security.kubernetes.io/{mode}": level for mode in ("enforce", "warn", "audit")
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

    def workloads(self, namespace: str) -> list[Manifest]:
        """Each Deployment, StatefulSet and DaemonSet of a namespace, as the server has it."""
        return [
            item
            for kind in WORKLOADS
            for item in self.client.get(PATHS[kind].format(namespace)).json()["items"]
        ]

    def offer_pods(self, namespace: str) -> None:
        """Have the server judge the pods that controllers would make of a namespace's workloads."""
        for workload in self.workloads(namespace):
            self.offer_pod(workload["spec"]["template"], namespace)

    def offer_pod(self, template: Manifest, namespace: str) -> None:
        """Have the server judge the pod that a controller would make of a template."""
        metadata = template["metadata"] | {"name": "offered"}
        self.create(
            {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"]},
            namespace,
            dry_run=True,
        )

    def run(self, helm: Helm, verb: str, release: str, *arguments: str) -> str:
        """Helm against this server, in the namespace called as the release; all that they say."""
        answer = subprocess.run(
            [
                *(str(helm.program), *verb.split(), release, *arguments),
                *("--namespace", release, "--kubeconfig", str(self.kubeconfig)),
            ],
            capture_output=True,
            text=True,
            timeout=HELM_SECONDS,
            check=False,
            env=os.environ | {"HOME": str(helm.home)},
        )
        printed = answer.stdout + answer.stderr
        assert answer.returncode == 0, printed
        assert "warning" not in printed.lower(), printed
        return printed


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


def wait_until_served(client: httpx.Client, name: str) -> None:
    """Until objects of a kind can be created, which is a moment after the kind itself was."""
    deadline = monotonic() + START_SECONDS
    while True:
        definition = client.get(f"{PATHS['CustomResourceDefinition']}/{name}").json()
        conditions = definition.get("status", {}).get("conditions", [])
        if any(one["type"] == "Established" and one["status"] == "True" for one in conditions):
            return
        assert monotonic() < deadline, definition


@pytest.fixture(scope="session")
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
        # It holds back the deletion of claims until a controller, which is not there, lets go.
        "--disable-admission-plugins=StorageObjectInUseProtection",
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
        for definition in defined(shared_file):
            answer = client.post(PATHS["CustomResourceDefinition"], json=definition)
            assert answer.status_code == httpx.codes.CREATED, answer.text
        for definition in defined(shared_file):
            wait_until_served(client, definition["metadata"]["name"])
        for manifest in TAKEN_FOR_GRANTED:
            found.create(manifest)
        for name in ("monitoring", "bots"):
            found.namespace(name)
        yield found


def defined(shared_file: Callable[[str], Path]) -> Iterator[Manifest]:
    """The kinds that are not Kubernetes' own, also under the groups of those who copied them."""
    for definition in definitions(shared_file):
        yield definition
        for group, original in SAME_AS.items():
            if definition["spec"]["group"] == original:
                copied = deepcopy(definition)
                copied["spec"]["group"] = group
                copied["metadata"]["name"] = f"{definition['spec']['names']['plural']}.{group}"
                yield copied


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
