"""Chromium for tests and pictures of pages: visits are handed to previews/browser.cjs.

It needs Chromium and node on the PATH, and the packages of `make grafana-code`.
"""

import json
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PREVIEWS = Path(__file__).resolve().parents[2] / "previews"
SECONDS = 300.0


class MissingError(Exception):
    """Something that is needed is not there; the text says what to do."""


@dataclass(frozen=True)
class Visit:
    """What came of one visit. results: of each `run`, in order.

    violations: axe's. messages: errors of the console. requested: addresses that were asked for.
    """

    results: list[Any]
    violations: list[dict[str, Any]]
    messages: list[str]
    requested: list[str]

    @property
    def serious(self) -> list[dict[str, Any]]:
        """The violations that axe calls serious or critical."""
        return [it for it in self.violations if it["impact"] in ("serious", "critical")]


def visit(*visits: dict[str, Any]) -> Sequence[Visit]:
    """Make visits, in one browser, one after the other; their keys stand in browser.cjs.

    Raises MissingError, CalledProcessError, TimeoutExpired.
    """
    chromium, node = shutil.which("chromium"), shutil.which("node")
    modules = PREVIEWS / "node_modules" / "puppeteer-core"
    if chromium is None or node is None or not modules.is_dir():
        raise MissingError("Chromium, node and previews/node_modules are needed: make grafana-code")
    done = subprocess.run(
        [node, str(PREVIEWS / "browser.cjs")],
        input=json.dumps({"chromium": chromium, "visits": visits}),
        stdout=subprocess.PIPE,
        text=True,
        timeout=SECONDS,
        check=True,
    )
    return [Visit(**one) for one in json.loads(done.stdout)]
