"""Progress on a real (pseudo-)terminal: a bar that leaves the output as it is."""

import asyncio
import re
from datetime import timedelta
from pathlib import Path

from scripts.record_terminal import ROOT, recorded
from tests.e2e.simulation import simulated


async def test_a_bar_is_drawn_and_leaves_nothing_but_the_rows(tmp_path: Path) -> None:
    async with simulated(rate=0.5, history=timedelta(minutes=20)) as api:
        api.freeze()
        variables = {**api.variables, "PYTHONPATH": str(ROOT)}
        command = ("sessions", "--since=10m", "--limit=5")
        code, shown = await asyncio.to_thread(recorded, command, variables, tmp_path)

    assert code == 0
    plain = re.sub(r"\x1b\[[0-9;]*m", "", shown)
    cost, header, *rows, rest = plain.splitlines()
    assert cost.startswith("default: about 5 sessions: ")
    assert header.split()[:3] == ["created", "integration", "score"]
    assert len(rows) == 5
    assert all(re.match(r"\d{4}-\d\d-\d\dT", row) for row in rows)
    assert all(len(row) <= 110 for row in rows)
    assert "raise --limit" in rest
    assert "━" not in plain
    assert "\x1b[1m" in shown
