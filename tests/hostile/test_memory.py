"""Memory under any answer stays below the limit that the chart sets."""

import subprocess
import sys
from pathlib import Path

from tests.yaml_files import load_yaml

CHART = Path(__file__).parents[2] / "deploy/helm/isnotai-exporter/values.yaml"


def limit_mib() -> float:
    memory = load_yaml(CHART.read_text("utf-8"))["resources"]["limits"]["memory"]
    assert memory.endswith("Mi")
    return float(memory.removesuffix("Mi"))


def test_no_answer_takes_more_memory_than_the_chart_grants() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "tests.hostile.floods"],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )

    assert ended.returncode == 0, ended.stderr
    peaks = [float(line.split()[0]) for line in ended.stdout.splitlines()]
    assert len(peaks) >= 9
    # Less what starting with all that the daemon may load takes more than this process.
    assert max(peaks) < 0.75 * limit_mib(), ended.stdout
