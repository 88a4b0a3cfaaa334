"""Attack every target in turn: the corpus, then hypothesis, then atheris where it is installed.

    python -m tests.fuzz --minutes 10 [--target NAME ...]

What breaks a promise is kept in `tests/fuzz/corpus/<target>/`, where `make test` finds it; the end
is then 1. Atheris, which follows what code an input reaches, runs in a process of its own.
"""

import argparse
import importlib.util
import logging
import subprocess
import sys
import tempfile
import time
import traceback
from importlib import import_module
from pathlib import Path

import structlog
from hypothesis import HealthCheck, Phase, given, seed, settings

from tests.fuzz.target import Target

MODULES = ("answers", "requests")
"""Modules of this package that export TARGETS."""

EXAMPLES = 200
"""So many at once, before the clock is looked at."""

LONGEST_INPUT = 8192
"""Bytes that atheris makes at most: it finds out by length last of all."""


def targets() -> tuple[Target, ...]:
    """Every target there is."""
    return tuple(
        target for name in MODULES for target in import_module(f"tests.fuzz.{name}").TARGETS
    )


def replay(target: Target) -> int:
    """How many inputs of the corpus break the promise; each is named."""
    broken = 0
    for path in target.corpus():
        try:
            target.check(path.read_bytes())
        except Exception:  # noqa: BLE001 - whatever it is, it is the finding
            broken += 1
            print(f"{target.name}: {path} still breaks it")
            traceback.print_exc()
    return broken


def attack(target: Target, seconds: float) -> tuple[int, int]:
    """How many examples hypothesis tried in that time, and how many findings; it stops at one."""
    until = time.monotonic() + seconds
    tried = run = 0
    while time.monotonic() < until:
        last = b""

        @seed(time.time_ns())
        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            database=None,
            phases=(Phase.generate, Phase.shrink),
            suppress_health_check=list(HealthCheck),
        )
        @given(target.inputs)
        def examples(data: bytes) -> None:
            nonlocal last, tried
            last, tried = data, tried + 1
            target.check(data)

        try:
            examples()
        except Exception:  # noqa: BLE001 - whatever it is, it is the finding
            print(f"{target.name}: {target.keep(last)} breaks it")
            traceback.print_exc()
            return tried, 1
        run += 1
    return tried, 0


def attack_by_coverage(target: Target, seconds: float) -> int:
    """How many findings atheris had in that time, in a process of its own."""
    with tempfile.TemporaryDirectory() as scratch:
        found = Path(scratch) / "found"
        corpus = Path(scratch) / "corpus"
        for folder in (found, corpus, target.folder):
            folder.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "tests.fuzz.coverage", target.name]
        limits = [f"-max_total_time={int(seconds)}", f"-max_len={LONGEST_INPUT}", "-timeout=60"]
        places = [f"-artifact_prefix={found}/", str(corpus), str(target.folder)]
        ended = subprocess.run(
            [*command, *limits, "-verbosity=0", "-print_final_stats=1", *places],
            capture_output=True,
            text=True,
            timeout=seconds + 300,
            check=False,
        )
        kept = [target.keep(path.read_bytes()) for path in found.iterdir()]
        executed = [line for line in ended.stderr.splitlines() if "executed_units" in line]
        print(f"{target.name}: atheris {' '.join(executed).removeprefix('stat::')}")
    if ended.returncode:
        print(ended.stdout, ended.stderr, sep="\n")
        print(f"{target.name}: {', '.join(map(str, kept)) or 'atheris'} breaks it")
        return 1
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0, help="for all targets together")
    parser.add_argument("--target", action="append", help="only these")
    options = parser.parse_args()
    chosen = [one for one in targets() if not options.target or one.name in options.target]
    if not chosen:
        parser.error(f"no such target; there are: {', '.join(one.name for one in targets())}")
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    guided = importlib.util.find_spec("atheris") is not None
    if not guided:
        print("atheris is not installed: hypothesis alone")
    each = options.minutes * 60 / len(chosen) / (2 if guided else 1)
    findings = 0
    for target in chosen:
        findings += replay(target)
        tried, found = attack(target, each)
        findings += found
        print(f"{target.name}: {tried} examples of hypothesis, {found} findings", flush=True)
        if guided:
            findings += attack_by_coverage(target, each)
    print(f"{len(chosen)} targets, {findings} findings")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
