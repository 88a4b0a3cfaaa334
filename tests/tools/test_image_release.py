"""What makes and releases the image: the workflows by the real actionlint, the Dockerfile by rules.

The workflows themselves can only run at GitHub; here their syntax, expressions and permissions are
checked.
"""

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

pytestmark = pytest.mark.tools

ROOT = Path(__file__).resolve().parents[2]
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yaml"))


def workflow(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((ROOT / f".github/workflows/{name}.yaml").read_text())
    return loaded


def test_workflows_pass_actionlint(tool: Callable[[str], Path]) -> None:
    answer = subprocess.run(
        [str(tool("actionlint")), "-no-color", *map(str, WORKFLOWS)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert WORKFLOWS
    assert answer.returncode == 0, answer.stdout + answer.stderr


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_no_workflow_has_a_stored_secret_or_more_rights_than_it_needs(path: Path) -> None:
    text = path.read_text()
    jobs = yaml.safe_load(text)["jobs"]

    assert "secrets." not in text
    assert yaml.safe_load(text)["permissions"] == {"contents": "read"}
    for name, job in jobs.items():
        assert job["timeout-minutes"] <= 60, name
        assert job.get("permissions", {}).get("contents", "read") == "read", name


def test_release_makes_a_signed_image_with_sbom_and_provenance_for_two_architectures() -> None:
    steps = workflow("release")["jobs"]["image"]["steps"]
    (build,) = [step["with"] for step in steps if "build-push" in step.get("uses", "")]

    assert build["platforms"] == "linux/amd64,linux/arm64"
    assert build["sbom"] is True
    assert build["provenance"] == "mode=max"
    assert any("cosign sign" in step.get("run", "") for step in steps)


def step_of(job: str, text: str) -> str:
    """The script of the release's only step in this job that has the text."""
    scripts = [step.get("run", "") for step in workflow("release")["jobs"][job]["steps"]]
    (script,) = [script for script in scripts if text in script]
    return str(script)


def run_as_github_does(
    script: str, folder: Path, **variables: str
) -> subprocess.CompletedProcess[str]:
    """A step's script as GitHub runs one that names no shell: by `bash -e`, without pipefail."""
    (folder / "step.sh").write_text(script)
    return subprocess.run(
        ["bash", "-e", "step.sh"],
        cwd=folder,
        env={"PATH": f"{folder}:/usr/bin:/bin", **variables},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    ("version", "tags"),
    [
        ("1.2.3", "registry/image:1.2.3,registry/image:latest"),
        ("1.2.3rc1", "registry/image:1.2.3rc1"),
        ("1.2.3-rc.1", "registry/image:1.2.3-rc.1"),
        ("1.2.3.dev4", "registry/image:1.2.3.dev4"),
    ],
)
def test_only_a_release_proper_is_the_latest_image(version: str, tags: str, tmp_path: Path) -> None:
    output = tmp_path / "output"
    answer = run_as_github_does(
        step_of("image", "tags="),
        tmp_path,
        IMAGE="registry/image",
        VERSION=version,
        GITHUB_OUTPUT=str(output),
    )

    assert answer.returncode == 0, answer.stderr
    assert output.read_text() == f"tags={tags}\n"
    steps = workflow("release")["jobs"]["image"]["steps"]
    (build,) = [step["with"] for step in steps if "build-push" in step.get("uses", "")]
    assert build["tags"] == "${{ steps.tags.outputs.tags }}"


@pytest.mark.parametrize("pushed", [True, False])
def test_chart_is_signed_only_where_it_was_pushed(pushed: bool, tmp_path: Path) -> None:
    programs = {
        "helm": f'[ "$1" = package ] || {{ echo "Digest: sha256:1"; exit {int(not pushed)}; }}',
        "cosign": 'echo "$@" > signed',
    }
    for name, text in programs.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / name).chmod(0o755)

    answer = run_as_github_does(
        step_of("chart", "helm push"), tmp_path, VERSION="1.2.3", CHARTS="registry/charts"
    )

    assert (answer.returncode == 0) is pushed
    signed = tmp_path / "signed"
    assert signed.exists() is pushed
    if pushed:
        assert signed.read_text() == "sign --yes registry/charts/isnotai-exporter@sha256:1\n"


def test_release_publishes_to_pypi_without_a_password() -> None:
    job = workflow("release")["jobs"]["pypi"]

    assert job["permissions"] == {"id-token": "write"}
    assert not any("password" in step.get("with", {}) for step in job["steps"])


def test_every_build_argument_of_the_workflows_is_one_of_the_dockerfile() -> None:
    known = set(re.findall(r"^ARG (\w+)", (ROOT / "Dockerfile").read_text(), re.MULTILINE))
    given = {
        line.partition("=")[0]
        for path in WORKFLOWS
        for job in yaml.safe_load(path.read_text())["jobs"].values()
        for step in job["steps"]
        for line in step.get("with", {}).get("build-args", "").splitlines()
    }

    assert given
    assert given <= known


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_every_locked_dependency_has_a_wheel_for_the_images_python(
    machine: str, tmp_path: Path
) -> None:
    (version,) = re.findall(
        r"^ARG PYTHON_IMAGE=.*python:([0-9.]+)-slim",
        (ROOT / "Dockerfile").read_text(),
        re.MULTILINE,
    )
    platforms = (f"--platform=manylinux{glibc}_{machine}" for glibc in ("_2_28", "_2_17", "2014"))
    answer = subprocess.run(
        [
            *(sys.executable, "-m", "pip", "install", "--dry-run", "--no-deps", "--quiet"),
            *("--require-hashes", "--only-binary=:all:", f"--target={tmp_path}"),
            *(f"--python-version={version}", "--implementation=cp", *platforms),
            *("--requirement", str(ROOT / "requirements/postgres.txt")),
        ],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )

    assert answer.returncode == 0, answer.stderr
