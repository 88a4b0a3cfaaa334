"""The chart rendered by the real Helm, as objects to look into."""

import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import yaml

Manifest: TypeAlias = dict[str, Any]

ROOT = Path(__file__).resolve().parents[2]
CHARTS = ROOT / "deploy/helm"
CHART = CHARTS / "isnotai-exporter"
EXAMPLE = CHARTS / "examples/notes-app"
VALUE_SETS = sorted((CHART / "ci").glob("*-values.yaml"))
#: The least that the chart asks for.
MINIMUM = ("--set", "integration=team-a,apiKey.existingSecret=isnotai")
SECONDS = 60
WORKLOADS = ("DaemonSet", "Deployment", "StatefulSet")


class ChartRefusedError(Exception):
    """Helm did not render; the text is what it says."""


@dataclass(frozen=True)
class Helm:
    """Runs one helm binary, with folders of its own, so that nothing of the user's is read."""

    program: Path
    home: Path

    def run(self, *arguments: str, folder: Path = ROOT) -> str:
        """What helm prints. Raises ChartRefusedError where it fails."""
        answer = subprocess.run(
            [str(self.program), *arguments],
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
            cwd=folder,
            env={"HOME": str(self.home), "PATH": "/usr/bin:/bin"},
        )
        if answer.returncode != 0:
            raise ChartRefusedError(answer.stdout + answer.stderr)
        return answer.stdout

    def template(
        self, *arguments: str, chart: Path = CHART, release: str = "notai"
    ) -> list[Manifest]:
        """The manifests that the chart makes with these arguments."""
        printed = self.run("template", release, str(chart), "--namespace", "bots", *arguments)
        return [manifest for manifest in yaml.load_all(printed, yaml.CSafeLoader) if manifest]


def example_with_its_dependency(helm: Helm, folder: Path) -> Path:
    """A copy of the example application's chart with this chart in it."""
    shutil.copytree(CHARTS, folder / "helm")
    chart = folder / "helm" / EXAMPLE.relative_to(CHARTS)
    helm.run("dependency", "build", str(chart))
    return chart


def of_kind(manifests: list[Manifest], kind: str) -> Manifest:
    """The only manifest of a kind."""
    (manifest,) = [manifest for manifest in manifests if manifest["kind"] == kind]
    return manifest


def workload_of(manifests: list[Manifest]) -> Manifest:
    """The only Deployment, StatefulSet or DaemonSet."""
    (manifest,) = [manifest for manifest in manifests if manifest["kind"] in WORKLOADS]
    return manifest


def pod_of(manifests: list[Manifest]) -> Manifest:
    """The pod template of the only workload."""
    template: Manifest = workload_of(manifests)["spec"]["template"]
    return template


def containers_of(pod: Manifest) -> Iterator[Manifest]:
    yield from pod["spec"].get("initContainers", [])
    yield from pod["spec"]["containers"]


def exporter_in(pod: Manifest) -> Manifest:
    """The exporter's container of a pod template, unless it was given another name."""
    (found,) = [one for one in containers_of(pod) if one["name"] == "isnotai-exporter"]
    return found
