"""The chart and the plain manifests, given to a real API server that enforces `restricted`.

Not part of CI: etcd and kube-apiserver take long to build, so this file has no name that pytest
collects by itself. `make test-cluster` runs it.
"""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from tests.tools.api_server import Cluster
from tests.tools.chart import (
    CHART,
    ROOT,
    VALUE_SETS,
    Helm,
    example_with_its_dependency,
)


@pytest.mark.parametrize("values", VALUE_SETS, ids=lambda path: path.stem)
def test_nothing_of_the_chart_is_refused_or_warned_about(
    cluster: Cluster, helm: Helm, values: Path
) -> None:
    release = f"with-{values.stem.removesuffix('-values')}"
    told = yaml.safe_load(values.read_text())
    cluster.namespace(release, "privileged" if "hostNetwork" in told else "restricted")

    printed = cluster.run(helm, "install", release, str(CHART), "--values", str(values))

    assert "STATUS: deployed" in printed
    for namespace in {release, told.get("namespaceOverride", release)}:
        cluster.offer_pods(namespace)
    hooks = cluster.run(helm, "get hooks", release)
    for hook in filter(None, yaml.safe_load_all(hooks)):
        cluster.create(hook, hook["metadata"]["namespace"], dry_run=True)
    cluster.run(helm, "uninstall", release)


@pytest.mark.parametrize("way", ["native", "container"])
def test_no_pod_with_a_sidecar_is_refused(
    cluster: Cluster, helm: Helm, tmp_path: Path, way: str
) -> None:
    chart = example_with_its_dependency(helm, tmp_path)
    release = f"notes-{way}"
    cluster.namespace(release)

    cluster.run(helm, "install", release, str(chart), "--set", f"sidecar={way}")

    assert cluster.workloads(release)
    cluster.offer_pods(release)


@pytest.mark.parametrize("folder", ["base", "examples/notes-app", "examples/two-keys"])
def test_what_kustomize_builds_is_not_refused(
    cluster: Cluster, tool: Callable[[str], Path], folder: str
) -> None:
    namespace = f"plain-{Path(folder).name}"
    cluster.namespace(namespace)
    answer = subprocess.run(
        [str(tool("kustomize")), "build", str(ROOT / "deploy/kustomize" / folder)],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )

    for manifest in yaml.safe_load_all(answer.stdout):
        manifest["metadata"].pop("namespace", None)
        cluster.create(manifest, namespace)

    assert cluster.workloads(namespace)
    cluster.offer_pods(namespace)


def test_plain_manifests_are_not_refused(cluster: Cluster) -> None:
    cluster.namespace("plain")
    text = (ROOT / "deploy/kustomize/base/deployment.yaml").read_text("utf-8")

    for manifest in yaml.safe_load_all(text):
        cluster.create(manifest, "plain")

    cluster.offer_pods("plain")


def test_the_server_does_enforce(cluster: Cluster) -> None:
    cluster.namespace("strict")
    bare = {"metadata": {}, "spec": {"containers": [{"name": "bare", "image": "bare"}]}}

    with pytest.raises(AssertionError, match="violates PodSecurity"):
        cluster.offer_pod(bare, "strict")
