"""The set-up takes what the lock holds, whatever was released since."""

import base64
import hashlib
import os
import re
import shutil
import subprocess
import sys
import zipfile
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.yaml_files import load_yaml

ROOT = Path(__file__).resolve().parents[2]

# A build backend in the project's own folder, so that the set-up's editable install needs no other.
BACKEND = """
import zipfile

def build_editable(folder, config_settings=None, metadata_directory=None):
    name, info = "isnotai_exporter-1.0-py3-none-any.whl", "isnotai_exporter-1.0.dist-info"
    about = "Metadata-Version: 2.1\\nName: isnotai-exporter\\nVersion: 1.0\\n"
    with zipfile.ZipFile(f"{folder}/{name}", "w") as wheel:
        wheel.writestr(f"{info}/METADATA", about)
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\\nTag: py3-none-any\\n")
        wheel.writestr(f"{info}/RECORD", "")
    return name
"""


def make_wheel(folder: Path, name: str, version: str, *metadata: str) -> str:
    """Write a wheel that holds nothing; its line for a lock."""
    path = folder / f"{name}-{version}-py3-none-any.whl"
    info = f"{name}-{version}.dist-info"
    header = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}", *metadata]
    files = {
        f"{info}/METADATA": "\n".join(header) + "\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    with zipfile.ZipFile(path, "w") as wheel:
        record = []
        for file, text in files.items():
            wheel.writestr(file, text)
            digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest())
            record.append(f"{file},sha256={digest.decode().rstrip('=')},{len(text)}")
        wheel.writestr(f"{info}/RECORD", "\n".join([*record, f"{info}/RECORD,,"]) + "\n")
    return f"{name}=={version} --hash=sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}\n"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The project's Makefile over a lock of two packages: one wants an extra of the other."""
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    asked = make_wheel(wheels, "asked", "1.0", "Provides-Extra: toml")
    make_wheel(wheels, "asked", "2.0", "Provides-Extra: toml")
    asking = make_wheel(wheels, "asking", "1.0", "Requires-Dist: asked[toml]>=1.0")
    project = tmp_path / "project"
    (project / "requirements").mkdir(parents=True)
    (project / "scripts").mkdir()
    shutil.copy(ROOT / "Makefile", project)
    shutil.copy(ROOT / "scripts/install_locked.py", project / "scripts")
    (project / "requirements/build.txt").write_text("")
    (project / "requirements/runtime.txt").write_text("")
    (project / "requirements/test.txt").write_text(asked + asking)
    (project / "backend.py").write_text(BACKEND)
    (project / "pyproject.toml").write_text(
        '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
    )
    return project


@pytest.fixture
def python(tmp_path: Path) -> Path:
    """A Python whose environments have this one's pip, as making one of its own takes long."""
    spec = find_spec("pip")
    assert spec is not None
    assert spec.origin is not None
    pip = Path(spec.origin).parent
    (about,) = pip.parent.glob("pip-*.dist-info")
    make = f"{sys.executable} -m venv --without-pip $3"
    link = f"ln -s {pip} {about} $3/lib/python*/site-packages"
    path = tmp_path / "python"
    path.write_text(f'#!/bin/sh\n[ "$2" = venv ] || exec {sys.executable} "$@"\n{make} && {link}\n')
    path.chmod(0o755)
    return path


def set_up(checkout: Path, python: Path) -> subprocess.CompletedProcess[str]:
    """What `make test` does first, with the folder of wheels as the only source."""
    return subprocess.run(
        ["make", ".venv/.test", f"PYTHON={python}", "VENV=.venv"],
        cwd=checkout,
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(checkout),
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": str(checkout.parent / "wheels"),
            "PIP_CONFIG_FILE": os.devnull,
        },
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_a_newer_release_within_reach_changes_nothing(checkout: Path, python: Path) -> None:
    answer = set_up(checkout, python)

    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert "asked==1.0" in answer.stdout.split()
    assert "asking==1.0" in answer.stdout.split()


def commands(text: str) -> list[str]:
    """Lines of a Makefile, Dockerfile, script or workflow, continued ones joined."""
    return re.sub(r"\\\n\s*", " ", text).splitlines()


OWN_FOLDERS = [
    path
    for path in ROOT.iterdir()
    if path.is_dir() and not path.name.startswith((".venv", ".tools"))
]
INSTALLING_FILES = sorted(
    path
    for path in (
        *(ROOT / "Makefile", ROOT / "Dockerfile"),
        *(ROOT / ".ci").iterdir(),
        *(ROOT / ".github").rglob("*.y*ml"),
        *(
            path
            for folder in OWN_FOLDERS
            for kind in ("mk", "sh")
            for path in folder.rglob(f"*.{kind}")
        ),
    )
    if path.is_file() and "node_modules" not in path.parts
)


@pytest.mark.parametrize("path", INSTALLING_FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_is_installed_but_from_a_lock(path: Path) -> None:
    text = path.read_text()
    shorthand = re.search(r"^INSTALL := (.*)\n", text, re.MULTILINE)
    if shorthand is not None:
        text = text.replace(shorthand[0], "").replace("$(INSTALL)", shorthand[1])
    for command in commands(text):
        for install in re.findall(r"pip(?:3|\d\.\d+)?\b[^|;&]*? install\b[^|;&]*", command):
            assert "--no-deps" in install, install
            own = "--editable ." in install or "--no-index" in install
            assert own or "--require-hashes" in install, install
        assert "npm install" not in command, command
        if re.search(r"\bgo\b.* (build|install|run)\b", command):
            assert "-mod=readonly" in text, command


def test_python_code_that_makes_environments_takes_them_from_a_lock() -> None:
    for folder in ("exporter", "scripts", "benchmarks", "tests", "deploy"):
        for path in (ROOT / folder).rglob("*.py"):
            text = path.read_text()
            if path != Path(__file__) and "--require-hashes" in text:
                assert "--no-deps" in text, path
            assert re.search(r'"pip",\s*"install",\s*"(?!-)', text) is None, path


def test_every_locked_requirement_is_pinned_and_hashed() -> None:
    for path in (ROOT / "requirements").glob("*.txt"):
        entries = [line for line in commands(path.read_text()) if not line.lstrip().startswith("#")]
        for entry in filter(None, map(str.strip, entries)):
            assert re.match(r"[a-z0-9._\[\]-]+==\S+ .*--hash=sha256:", entry, re.I), entry


def test_the_classifiers_name_the_tested_pythons_and_nothing_else() -> None:
    project = (ROOT / "pyproject.toml").read_text()
    matrix = load_yaml((ROOT / ".github/workflows/test.yaml").read_text())["jobs"]["test"]
    tested = matrix["strategy"]["matrix"]["python"]

    assert re.findall(r'"Programming Language :: Python :: (3\.\d+)"', project) == tested
    assert f'requires-python = ">={tested[0]}"' in project


def test_actions_are_pinned_by_commit_with_the_version_beside_it() -> None:
    for path in (ROOT / ".github/workflows").glob("*.yaml"):
        used = re.findall(r"uses: (.*)", path.read_text())
        assert used
        for action in used:
            assert re.fullmatch(r"[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", action), action


def test_the_release_builds_on_a_base_image_pinned_by_digest() -> None:
    text = (ROOT / ".github/workflows/release.yaml").read_text()
    (base,) = re.findall(
        r"^ARG PYTHON_IMAGE=(\S+)-slim-\w+$", (ROOT / "Dockerfile").read_text(), re.M
    )

    assert re.search(
        rf"PYTHON_IMAGE: {re.escape(base)}[.\d]*-slim-\w+@sha256:[0-9a-f]{{64}}\n", text
    )
    assert "PYTHON_IMAGE=${{ env.PYTHON_IMAGE }}" in text
