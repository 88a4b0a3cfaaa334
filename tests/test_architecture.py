"""The imports are as docs/architecture.md draws them: no circle, no arrow upwards."""

import ast
import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "exporter"
DRAWING = re.compile(r"```text floors\n(.*?)```", re.DOTALL)

Graph = Mapping[str, set[str]]


def name_of(path: Path) -> str:
    """`exporter/api/client.py` is `api.client`; the package itself is `exporter`."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__") or "exporter"


MODULES = {name_of(path): path for path in PACKAGE.rglob("*.py")}


def imports(path: Path) -> Iterator[str]:
    """The modules of the package that a file imports, wherever in it, for types as well."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "exporter":
            base = (node.module or "").removeprefix("exporter").removeprefix(".")
            for alias in node.names:
                inner = f"{base}.{alias.name}".removeprefix(".")
                yield inner if inner in MODULES else base or "exporter"


@cache
def modules() -> Graph:
    return {name: set(imports(path)) - {name} for name, path in MODULES.items()}


def room(module: str) -> str:
    return module.split(".")[0]


@cache
def rooms() -> Graph:
    graph: dict[str, set[str]] = {room(name): set() for name in MODULES}
    for name, targets in modules().items():
        graph[room(name)] |= {room(target) for target in targets} - {room(name)}
    return graph


def floors() -> dict[str, int]:
    """The drawing: which room is on which floor, 0 being the lowest."""
    match = DRAWING.search((ROOT / "docs" / "architecture.md").read_text("utf-8"))
    assert match, "docs/architecture.md draws no floors"
    lines = match[1].split("\n")
    drawn = [line.split("  #")[0].split() for line in lines if line.strip()]
    return {name: floor for floor, names in enumerate(reversed(drawn)) for name in names}


@pytest.mark.parametrize("drawn", [modules, rooms])
def test_the_imports_have_no_circle(drawn: Callable[[], Graph]) -> None:
    graph = drawn()

    assert len(list(TopologicalSorter(graph).static_order())) == len(graph)


def test_every_room_is_drawn_on_one_floor() -> None:
    assert set(floors()) == set(rooms())


def test_no_arrow_points_upwards_or_along_a_floor() -> None:
    floor = floors()
    upwards = [
        f"{name} imports {target}"
        for name, targets in rooms().items()
        for target in targets
        if floor[target] >= floor[name]
    ]

    assert upwards == []


def test_nothing_that_the_daemon_imports_knows_the_simulator() -> None:
    assert [name for name, targets in rooms().items() if "simulator" in targets] == ["commands"]
