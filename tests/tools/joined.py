"""A real Prometheus that scrapes all replicas, and joins what they show by the shipped rules."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from math import ceil
from pathlib import Path
from time import time

import pytest
import yaml

from exporter.simulator.truth import Truth
from tests.tools.test_prometheus import Prometheus, prometheus

ROOT = Path(__file__).resolve().parents[2]
TARGETS = "targets.json"
"""Names the replicas, in the folder that Prometheus is given."""

CONFIG = """
global: {{scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}}
rule_files: [rules.yaml]
scrape_configs:
- job_name: isnotai
  file_sd_configs: [{{files: [targets.json], refresh_interval: 1s}}]
"""
SESSIONS = "job_integration:isnotai_sessions:max2m"
BOTS = "job_integration:isnotai_bot_sessions:max2m"


def joined() -> str:
    """Of the shipped recording rules those that join all exporters of a site."""
    shipped = yaml.safe_load((ROOT / "alerts/prometheus/recording.yaml").read_text("utf-8"))
    rules = [rule for group in shipped["groups"] for rule in group["rules"]]
    found = [rule for rule in rules if rule.get("record", "").endswith("max2m")]
    assert {SESSIONS, BOTS} <= {rule["record"] for rule in found}
    return yaml.safe_dump({"groups": [{"name": "joined", "rules": found}]})


@asynccontextmanager
async def joining(program: Path, folder: Path) -> AsyncIterator[Prometheus]:
    """Prometheus, which scrapes whom `TARGETS` of the folder names and joins them, each second."""
    (folder / "rules.yaml").write_text(joined())
    async with prometheus(program, "", folder, CONFIG) as asked:
        yield asked


async def check_joined(asked: Prometheus, truth: Truth, began: float) -> None:
    """What the rules gave since `began`, in Unix seconds: never less, the truth in the end, and
    `increase()` over it is what came since their first sample."""
    for name, expected in ((SESSIONS, truth.sessions), (BOTS, truth.bot_sessions)):
        await asked.until(f"sum({name})", {"": float(expected)})
        end = time()
        steps = {"start": str(began), "end": str(end), "step": "1"}
        (series,) = (await asked.get("/api/v1/query_range", query=name, **steps))["result"]
        values = [float(value) for _, value in series["values"]]
        assert values == sorted(values)

        seconds = ceil(end - began)
        over = f"({name}[{seconds}s] @ {end})"
        ((first,),) = [(await asked.query(f"sum(min_over_time{over})")).values()]
        ((increase,),) = [(await asked.query(f"sum(increase{over})")).values()]
        assert (await asked.query(f"sum(resets{over})")) == {"": 0.0}
        # It reckons with up to one interval beyond the first sample and one beyond the last.
        assert first + increase == pytest.approx(expected, rel=3 / seconds)
