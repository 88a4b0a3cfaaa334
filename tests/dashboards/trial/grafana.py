"""Grafana's own code, in Node: units, transformations, and the types of the newest schema.

The packages stand in previews/node_modules, which `make test-tools` fills from the lock.
"""

import json
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.dashboards.trial.queries import Series

PREVIEWS = Path(__file__).resolve().parents[3] / "previews"
MODULES = PREVIEWS / "node_modules"
SECONDS = 300.0
_STRICT = ("--noEmit", "--strict", "--skipLibCheck", "--target", "es2022")
_MODULE = ("--module", "nodenext", "--moduleResolution", "nodenext")


class MissingError(Exception):
    """Node or its packages are not there; the text says what to do."""


def ask(**request: Any) -> dict[str, Any]:
    """What previews/grafana.cjs answers. Raises MissingError, CalledProcessError."""
    done = subprocess.run(
        [_node(), str(PREVIEWS / "grafana.cjs")],
        input=json.dumps(request),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=True,
    )
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def type_errors(folder: Path, contents: Mapping[str, tuple[str, str]]) -> str:
    """What TypeScript objects to. contents: by name (a type of previews/types.ts, JSON)."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "types.ts").write_text((PREVIEWS / "types.ts").read_text())
    (folder / "node_modules").symlink_to(MODULES)
    for name, (kind, content) in contents.items():
        head = f'import type {{ {kind} }} from "./types";\nexport const it: {kind} = '
        (folder / f"{name}.ts").write_text(head + content)
    tsc = MODULES / "typescript" / "bin" / "tsc"
    done = subprocess.run(
        [_node(), str(tsc), *_STRICT, *_MODULE, *(f"{name}.ts" for name in contents)],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    return done.stdout


def frames(answers: Sequence[tuple[str, Sequence[Series]]]) -> list[dict[str, Any]]:
    """Answers to instant queries in table form, by refId, as Grafana's data source hands them on.

    Source: transformDFToTable in grafana/grafana's packages/grafana-prometheus.
    """
    made = []
    for ref, series in answers:
        labels = sorted({label for one in series for label in one.labels})
        value = f"Value #{ref}" if len(answers) > 1 else "Value"
        made.append(
            {
                "refId": ref,
                "fields": [
                    {
                        "name": "Time",
                        "type": "time",
                        "values": [one.points[0][0] * 1000 for one in series],
                    },
                    *(
                        {
                            "name": label,
                            "type": "string",
                            "values": [one.labels.get(label, "") for one in series],
                        }
                        for label in labels
                    ),
                    {
                        "name": value,
                        "type": "number",
                        "values": [one.points[0][1] for one in series],
                    },
                ],
            }
        )
    return made


def _node() -> str:
    node = shutil.which("node")
    if node is None or not (MODULES / "@grafana" / "data").is_dir():
        raise MissingError("Node and previews/node_modules are needed: make grafana-code")
    return node
