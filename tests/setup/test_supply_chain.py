"""What is shipped can be told from its source: locked, watched for updates, attested."""

import re
from pathlib import Path
from typing import Any

import pytest

from tests.yaml_files import load_yaml

ROOT = Path(__file__).resolve().parents[2]

ECOSYSTEMS = {
    "pip": "requirements/*.txt",
    "docker": "Dockerfile",
    "github-actions": ".github/workflows/*.yaml",
    "gomod": "tools/*/go.mod",
    "npm": "*/package.json",
}


def read(name: str) -> Any:
    return load_yaml((ROOT / name).read_text("utf-8"))


def pins(name: str) -> dict[str, str]:
    """The versions that a lock holds, by package."""
    text = (ROOT / "requirements" / name).read_text("utf-8")
    return dict(re.findall(r"^([A-Za-z0-9._-]+)==(\S+)", text, re.MULTILINE))


@pytest.mark.parametrize("lock", ["runtime.txt", "grpc.txt", "postgres.txt"])
def test_what_users_install_is_what_the_tests_ran_with(lock: str) -> None:
    locked, tested = pins(lock), pins("test.txt")

    assert len(locked) > 20
    assert {name: tested.get(name) for name in locked} == locked


def test_the_extra_for_grpc_is_locked_beside_all_else() -> None:
    more = pins("grpc.txt").keys() - pins("runtime.txt").keys()

    assert {"grpcio", "opentelemetry-exporter-otlp-proto-grpc"} <= more


def test_the_image_has_the_driver_of_postgresql() -> None:
    more = pins("postgres.txt").keys() - pins("runtime.txt").keys()

    assert {"psycopg", "psycopg-binary"} <= more
    assert "-r requirements/postgres.txt" in (ROOT / "Dockerfile").read_text("utf-8")


@pytest.mark.parametrize(
    "path", sorted((ROOT / "requirements").glob("*.txt")), ids=lambda p: p.name
)
def test_each_locked_file_has_a_hash_and_no_index(path: Path) -> None:
    text = path.read_text("utf-8")
    entries = re.findall(r"^[a-z0-9._-]+(?:\[\S+\])?==.*\n(?:    --hash.*\n)*", text, re.M | re.I)

    assert "index-url" not in text
    assert "://" not in text
    assert all("--hash=" in entry for entry in entries)


def test_every_kind_of_dependency_is_watched() -> None:
    updates = read(".github/dependabot.yml")["updates"]
    watched = {entry["package-ecosystem"]: entry for entry in updates}

    for ecosystem, pattern in ECOSYSTEMS.items():
        assert list(ROOT.glob(pattern)), f"nothing of {ecosystem} is left"
        assert ecosystem in watched
        entry = watched[ecosystem]
        for folder in entry.get("directories", [entry.get("directory")]):
            assert list(ROOT.glob(folder.strip("/") or "pyproject.toml")), folder


def test_wheel_and_image_have_provenance_and_a_bill_of_materials() -> None:
    jobs = read(".github/workflows/release.yaml")["jobs"]

    def subjects(job: str, action: str) -> list[dict[str, Any]]:
        steps = jobs[job]["steps"]
        return [step["with"] for step in steps if f"actions/{action}@" in step.get("uses", "")]

    assert [of["subject-path"] for of in subjects("distribution", "attest-build-provenance")] == [
        "dist/*"
    ]
    assert [of["subject-path"] for of in subjects("distribution", "attest-sbom")] == ["dist/*.whl"]
    (image,) = subjects("image", "attest-build-provenance")
    assert image["push-to-registry"] is True
    for job in ("distribution", "image"):
        assert jobs[job]["permissions"]["attestations"] == "write"
        assert jobs[job]["permissions"]["id-token"] == "write"


def test_every_promise_of_the_threat_model_names_a_test_that_is_there() -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", (ROOT / "docs/threat-model.md").read_text())
    rows = re.findall(r"^\| [a-z].*\| `tests/", (ROOT / "docs/threat-model.md").read_text(), re.M)

    assert len(named) == len(rows) > 30
    for file, test in named:
        assert re.search(rf"^(async )?def {test}\(", (ROOT / file).read_text(), re.M), (file, test)
