"""Upgrades of the chart on a real API server, whose server-side apply refuses what it cannot merge.

Not part of CI, as cluster.py says. An upgrade goes from plain values to each value set and back,
along the paths that users take, and from the chart of each earlier release: those are the packages
in `earlier`, each the chart as that release had it, made by `helm package` or tar.
"""

import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.tools.api_server import Cluster
from tests.tools.chart import CHART, MINIMUM, VALUE_SETS, Helm, Manifest

EARLIER = sorted((Path(__file__).parent / "earlier").glob("*.tgz"))
#: Values that an earlier chart took and that this one refuses, and what it says.
NOW_REFUSED = {
    ("isnotai-exporter-0.1.0", "grafana-alerts"): "would never fire",
}
ROLLING = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}}
RECREATE = {"type": "Recreate"}

PLAIN: tuple[str, ...] = ()
PERSISTENT = ("--set", "persistence.enabled=true")
SIDECAR = ("--set", "mode=sidecar,config.budget.replicas=3,podMonitor.enabled=true")
WEB = ("--set", "webConfig.existingSecret=isnotai-web,webConfig.tls=true")
CERTIFICATES = ("--set", f"{WEB[1]},webConfig.clientCertificates=true")
THREE = ("--set", "replicaCount=3")
STATEFUL = ("--set", "kind=StatefulSet,persistence.enabled=true")
ON_DELETE = ("--set", "kind=StatefulSet,persistence.enabled=true,strategy.type=OnDelete")
DAEMON = ("--set", "kind=DaemonSet,config.budget.replicas=3")
KEY_FILE = ("--set", "apiKey.existingSecret=,apiKey.file=/mnt/key")

PATHS = {
    "persistence and back": (PLAIN, PERSISTENT, PLAIN, PERSISTENT),
    "sidecar, web config, three replicas": (PLAIN, SIDECAR, WEB, THREE),
    "client certificates and back": (PLAIN, WEB, CERTIFICATES, WEB, PLAIN),
    "kinds": (PLAIN, STATEFUL, ON_DELETE, STATEFUL, DAEMON, PERSISTENT),
    "a key from a file and back": (PLAIN, KEY_FILE, PLAIN),
}


def strategies(cluster: Cluster, namespace: str) -> list[Manifest]:
    """How each Deployment of a namespace replaces its pods."""
    return [
        workload["spec"]["strategy"]
        for workload in cluster.workloads(namespace)
        if "strategy" in workload["spec"]
    ]


def step(cluster: Cluster, helm: Helm, release: str, chart: Path, *values: str) -> None:
    """Install or upgrade to these values and nothing else; the pods must be accepted too."""
    arguments = ("--install", "--reset-values", *MINIMUM, *values)
    cluster.run(helm, "upgrade", release, str(chart), *arguments)
    cluster.offer_pods(release)


@pytest.mark.parametrize("path", PATHS)
def test_each_upgrade_that_users_take_is_accepted(cluster: Cluster, helm: Helm, path: str) -> None:
    release = "to-" + path.replace(",", "").replace(" ", "-")
    cluster.namespace(release)

    for values in PATHS[path]:
        step(cluster, helm, release, CHART, *values)
        if values is PERSISTENT:
            assert strategies(cluster, release) == [RECREATE]
        elif values in (PLAIN, WEB, THREE):
            assert strategies(cluster, release) == [ROLLING]


@pytest.mark.parametrize("values", VALUE_SETS, ids=lambda path: path.stem)
def test_plain_values_can_become_each_value_set_and_back(
    cluster: Cluster, helm: Helm, values: Path
) -> None:
    release = f"becomes-{values.stem.removesuffix('-values')}"
    told = yaml.safe_load(values.read_text())
    cluster.namespace(release, "privileged" if "hostNetwork" in told else "restricted")
    plain = (str(CHART), "--reset-values", *MINIMUM)

    cluster.run(helm, "install", release, str(CHART), *MINIMUM)
    cluster.run(helm, "upgrade", release, str(CHART), "--reset-values", "--values", str(values))
    cluster.offer_pods(release)
    cluster.run(helm, "upgrade", release, *plain)

    assert strategies(cluster, release) == [ROLLING]
    cluster.offer_pods(release)
    cluster.run(helm, "uninstall", release)


def earlier_value_sets() -> Iterator[tuple[Path, str]]:
    for package in EARLIER:
        with tarfile.open(package) as archive:
            for name in archive.getnames():
                if "/ci/" in name:
                    yield package, name


@pytest.mark.parametrize(
    ("package", "name"),
    list(earlier_value_sets()),
    ids=lambda value: value.stem if isinstance(value, Path) else Path(value).stem,
)
def test_what_an_earlier_chart_installed_can_be_upgraded_with_the_same_values(
    cluster: Cluster, helm: Helm, tmp_path: Path, package: Path, name: str
) -> None:
    values = tmp_path / "values.yaml"
    with tarfile.open(package) as archive:
        member = archive.extractfile(name)
        assert member is not None
        values.write_bytes(member.read())
    short = Path(name).stem.removesuffix("-values")
    release = f"from-{package.stem.rpartition('-')[2].replace('.', '')}-{short}"
    cluster.namespace(release)
    cluster.run(helm, "install", release, str(package), "--values", str(values))
    upgrade = (str(CHART), "--reset-values", "--values", str(values))

    if said := NOW_REFUSED.get((package.stem, short)):
        with pytest.raises(AssertionError, match=said):
            cluster.run(helm, "upgrade", release, *upgrade)
    else:
        cluster.run(helm, "upgrade", release, *upgrade)
        cluster.offer_pods(release)
    cluster.run(helm, "uninstall", release)


@pytest.mark.parametrize("package", EARLIER, ids=lambda path: path.stem)
@pytest.mark.parametrize("path", PATHS)
def test_an_earlier_charts_release_can_take_each_path(
    cluster: Cluster, helm: Helm, package: Path, path: str
) -> None:
    version = package.stem.rpartition("-")[2].replace(".", "")
    release = f"old-{version}-{path.replace(',', '').replace(' ', '-')}"
    cluster.namespace(release)

    step(cluster, helm, release, package)
    for values in PATHS[path]:
        step(cluster, helm, release, CHART, *values)
        if values is PERSISTENT:
            assert strategies(cluster, release) == [RECREATE]


def test_the_earlier_chart_is_why_strategy_is_said_in_full(cluster: Cluster, helm: Helm) -> None:
    """The fault as users met it: without it these tests would show nothing."""
    cluster.namespace("fault")
    package = EARLIER[0]
    step(cluster, helm, "fault", package)

    with pytest.raises(AssertionError, match="rollingUpdate"):
        step(cluster, helm, "fault", package, *PERSISTENT)
    # What nobody owns, no apply takes away: this chart says what to do instead.
    with pytest.raises(AssertionError, match=r"upgrade once with persistence\.enabled=false"):
        step(cluster, helm, "fault", CHART, *PERSISTENT)
    step(cluster, helm, "fault", CHART)
    step(cluster, helm, "fault", CHART, *PERSISTENT)
