"""The image: built from the Dockerfile by buildah, looked into, run, scraped and stopped.

No registry is needed: the base is made of the Python that runs these tests. The process runs as the
image says (user, variables, entry point), as PID 1 of its own namespace, over a read-only root.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from tests.tools.local_base import make_root

pytestmark = [pytest.mark.tools, pytest.mark.timeout(1800)]

ROOT = Path(__file__).resolve().parents[2]
REVISION = "0123456789abcdef0123456789abcdef01234567"
BUILD_SECONDS = 900
START_SECONDS = 90
STOP_SECONDS = 10
MOST_BYTES = 150_000_000

# What pip needs on this machine, if anything; none of it is in the Dockerfile.
PIP_SETTINGS = Path("/etc/pip.conf")

RUN_READ_ONLY = """
set -e
root=$1 state=$2 user=$3
shift 3
mount --bind "$root" "$root"
mount -o remount,bind,ro "$root"
mount -t tmpfs tmpfs "$root/tmp"
mount -t proc proc "$root/proc"
mount --bind "$state" "$root/var/lib/isnotai"
exec /usr/bin/env -i "$@"
"""


@dataclass(frozen=True)
class Image:
    """What was built: its root file system, its configuration, and its base's root."""

    root: Path
    base: Path
    config: dict[str, Any]

    def variables(self, extra: dict[str, str]) -> list[str]:
        given = dict(pair.split("=", 1) for pair in self.config["Env"])
        return [f"{name}={value}" for name, value in (given | extra).items()]

    def command(self, state: Path, variables: dict[str, str], arguments: list[str]) -> list[str]:
        """What runs a program in the image as a container would, without its network."""
        user = self.config["User"]
        return [
            *("unshare", "--pid", "--fork", "--kill-child", "--mount", "--propagation", "private"),
            *("sh", "-c", RUN_READ_ONLY, "sh", str(self.root), str(state), user),
            *self.variables(variables),
            *(str(shutil.which("chroot")), f"--userspec={user}", str(self.root)),
            *arguments,
        ]


@pytest.fixture(scope="session")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Image]:
    """The image, built once. Its folders are removed afterwards."""
    if shutil.which("buildah") is None:
        pytest.fail("buildah is not installed: apt-get install buildah", pytrace=False)
    work = tmp_path_factory.mktemp("image")
    store = ["--root", str(work / "store"), "--runroot", str(work / "run")]

    def buildah(command: str, *arguments: str) -> str:
        answer = subprocess.run(
            ["buildah", *store, "--storage-driver", "vfs", command, *arguments],
            capture_output=True,
            text=True,
            timeout=BUILD_SECONDS,
            check=False,
            env=os.environ | {"BUILDAH_ISOLATION": "chroot"},
        )
        assert answer.returncode == 0, f"{answer.stdout[-3000:]}{answer.stderr[-3000:]}"
        return answer.stdout.strip()

    base = work / "base"
    base.mkdir()
    make_root(base)
    try:
        container = buildah("from", "scratch")
        buildah("add", "--quiet", container, str(base), "/")
        buildah("config", "--env", "PATH=/usr/local/bin:/usr/bin:/bin", container)
        buildah("commit", "--quiet", container, "localhost/python")
        settings = [f"--volume={PIP_SETTINGS}:{PIP_SETTINGS}:ro"] if PIP_SETTINGS.exists() else []
        buildah(
            "build",
            # Docker's format, for HEALTHCHECK is none of OCI's.
            *("--format", "docker", "--isolation", "chroot", "--pull-never", *settings),
            *("--build-arg", "PYTHON_IMAGE=localhost/python"),
            *("--build-arg", f"REVISION={REVISION}"),
            *("--tag", "localhost/isnotai-exporter", str(ROOT)),
        )
        container = buildah("from", "--pull-never", "localhost/isnotai-exporter")
        root = Path(buildah("mount", container))
        config = json.loads(buildah("inspect", container))["Docker"]["config"]
        yield Image(root, base, config)
        buildah("umount", container)
    finally:
        shutil.rmtree(work)


def added_to(base: Path, root: Path) -> int:
    """Bytes in files that `root` has and `base` has not; what was removed saves nothing."""
    added = 0
    for folder, _, names in os.walk(root):
        for name in names:
            path = Path(folder) / name
            if not os.path.lexists(base / path.relative_to(root)):
                added += path.lstat().st_size
    return added


def test_image_says_how_it_is_run(image: Image) -> None:
    assert image.config["User"] == "65532:65532"
    assert image.config["Entrypoint"] == ["isnotai-exporter"]
    assert image.config["StopSignal"] in ("SIGTERM", "15")
    assert image.config["Healthcheck"]["Test"] == ["CMD", "isnotai-exporter", "healthcheck"]
    assert "10984/tcp" in image.config["ExposedPorts"]
    labels = image.config["Labels"]
    assert labels["org.opencontainers.image.revision"] == REVISION
    assert labels["org.opencontainers.image.licenses"] == "Apache-2.0"
    assert not [pair for pair in image.config["Env"] if "KEY" in pair or "PIP" in pair]


def test_image_adds_less_than_150_megabytes_to_its_base(image: Image) -> None:
    added = added_to(image.base, image.root)

    assert 10_000_000 < added < MOST_BYTES, f"{added / 1e6:.0f} MB"


def test_base_had_an_installer_and_the_image_has_none_nor_a_compiler(image: Image) -> None:
    forbidden = {"pip", "pip3", "setuptools", "wheel", "ensurepip", "uv"}
    forbidden |= {"cc", "gcc", "g++", "clang", "ld", "as", "make", "cargo", "rustc"}

    def found(root: Path) -> set[str]:
        names = {path.name for path in root.rglob("*")}
        return {name for name in names if name in forbidden or name.startswith("pip-")}

    assert found(image.base)
    assert not found(image.root)


def test_image_has_neither_tests_nor_caches_and_is_compiled(image: Image) -> None:
    library = next((image.root / "opt/isnotai/lib").glob("python3.*"))
    sources = library.rglob("*.py")
    compiled = {path.name.split(".")[0] for path in library.rglob("*.pyc")}

    assert {path.stem for path in sources} <= compiled
    assert (library / "site-packages/exporter/REVISION").read_text().strip() == REVISION
    assert not list((image.root / "tmp").iterdir())
    assert not (image.root / "src").exists()
    assert not (image.root / "root/.cache").exists()


def test_standard_library_of_the_image_is_compiled_as_the_base_was_not(image: Image) -> None:
    def standard_library(root: Path) -> Path:
        return next((root / "usr/local/lib").glob("python3.*"))

    library = standard_library(image.root)
    compiled = {
        path.parent.parent / f"{path.name.partition('.')[0]}.py": path
        for path in library.rglob("*.pyc")
    }

    assert not list(standard_library(image.base).rglob("*.pyc"))
    assert set(library.rglob("*.py")) == set(compiled)
    # Flags 1: by hash and unchecked (PEP 552), so that no start looks at the sources.
    flags = {int.from_bytes(path.read_bytes()[4:8], "little") for path in compiled.values()}
    assert flags == {1}


def test_no_file_of_the_image_is_writable_for_its_user_but_the_state(image: Image) -> None:
    writable = [
        path
        for path in image.root.rglob("*")
        if not path.is_symlink() and (path.stat().st_mode & 0o002 or path.stat().st_uid == 65532)
    ]

    assert {path.relative_to(image.root).as_posix() for path in writable} == {
        "tmp",
        "var/lib/isnotai",
    }


@pytest.fixture
def simulator() -> Iterator[dict[str, str]]:
    """A simulated API: its `url` and `key`."""
    command = [sys.executable, "-m", "exporter", "simulate", "--port", "0", "--exit-with-parent"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout is not None
        yield json.loads(process.stdout.readline())
        process.terminate()


@pytest.fixture
def state(tmp_path: Path, simulator: dict[str, str]) -> Path:
    """The folder for the state, owned by the image's user, with the key in it."""
    folder = tmp_path / "state"
    folder.mkdir()
    key = folder / "api-key"
    key.write_text(simulator["key"])
    for path in (folder, key):
        os.chown(path, 65532, 65532)
    key.chmod(0o400)
    return folder


def fetched(url: str) -> str:
    """The text at `url`, or nothing while nobody answers there."""
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 - our own
            text: str = answer.read().decode()
            return text
    except (urllib.error.URLError, ConnectionError):
        return ""


def ended(process: subprocess.Popen[bytes], within: float) -> int | None:
    """The exit code of a process that ends within these seconds, else None."""
    try:
        return process.wait(within)
    except subprocess.TimeoutExpired:
        return None


def first_child(process: subprocess.Popen[bytes]) -> int:
    return int(Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()[0])


def test_container_is_scraped_is_healthy_and_ends_well_on_sigterm(
    image: Image, simulator: dict[str, str], state: Path, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    variables = {
        "ISNOTAI_API_KEY_FILE": "/var/lib/isnotai/api-key",
        "ISNOTAI_BASE_URL": simulator["url"],
        "ISNOTAI_INTEGRATION": "image",
        "ISNOTAI_STATE_PATH": "/var/lib/isnotai/state.db",
        "ISNOTAI_WEB_LISTEN_ADDRESS": address,
    }
    entry = image.config["Entrypoint"]
    check = image.command(state, variables, image.config["Healthcheck"]["Test"][1:])
    log = tmp_path / "log"
    with (
        log.open("w") as written,
        subprocess.Popen(image.command(state, variables, entry), stderr=written) as container,
    ):
        try:
            deadline = monotonic() + START_SECONDS
            page = ""
            while 'isnotai_up{integration="image"} 1' not in page:
                assert monotonic() < deadline, page
                assert ended(container, within=0.2) is None, log.read_text()
                page = fetched(f"http://{address}/metrics")
            pid = first_child(container)
            status = Path(f"/proc/{pid}/status").read_text()
            healthy = subprocess.run(check, capture_output=True, timeout=60, check=False)
            started = monotonic()
            os.kill(pid, signal.SIGTERM)
            code = ended(container, within=STOP_SECONDS)
            took = monotonic() - started
        finally:
            container.kill()
    unhealthy = subprocess.run(check, capture_output=True, timeout=60, check=False)

    assert f'revision="{REVISION}"' in page
    assert [line.split()[-1] for line in status.splitlines() if line.startswith("NSpid")] == ["1"]
    assert [line.split()[1] for line in status.splitlines() if line.startswith("Uid")] == ["65532"]
    assert healthy.returncode == 0, healthy.stderr
    assert code == 0
    assert took < STOP_SECONDS
    assert unhealthy.returncode == 1
    assert (state / "state.db").stat().st_mode & 0o777 == 0o600


def test_container_counts_in_a_world_that_is_against_it(image: Image, tmp_path: Path) -> None:
    """Read-only root, stdin closed, a dead proxy, NO_PROXY in CIDR form, an authority that rotates.

    The container's process has no passwd entry and no HOME, a time zone and a locale that do not
    exist, and few descriptors. The parts of the command are those of `Image.command`.
    """
    folder = tmp_path / "state"
    folder.mkdir()
    os.chown(folder, 65532, 65532)
    there = "/var/lib/isnotai"
    command = image.command(folder, {}, image.config["Entrypoint"])
    cut = command.index(str(shutil.which("chroot")))
    parts = ["prlimit", "--nofile=64:64", *command[:cut], "VARIABLES", *command[cut:], "ARGUMENTS"]
    extra = {
        "ISNOTAI_STATE_PATH": f"{there}/state.db",
        "TZ": "Mars/Olympus",
        "LC_ALL": "xx_YY.KOI8-R",
        "PYTHONIOENCODING": "latin-1",
    }

    run = subprocess.run(
        [
            *("unshare", "--net", sys.executable, "-m", "tests.tools.harsh_world"),
            *(str(folder), there, json.dumps(parts), json.dumps(extra)),
        ],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
        cwd=ROOT,
    )

    assert run.returncode == 0, run.stderr[-3000:]
    assert json.loads(run.stdout) == {
        "proxied": True,
        "no authority yet": True,
        "authority": True,
        "rotated server": True,
        "rotated authority": True,
        "healthcheck": 0,
        "stdin is nothing": True,
        "exit code": 0,
    }
    assert "Traceback" not in run.stderr
