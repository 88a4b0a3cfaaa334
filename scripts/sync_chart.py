"""Copy what the chart needs from elsewhere in the repository, and make its README.

Helm reads no file outside of a chart, so alerts and dashboards stand in it as copies; a test holds
them equal to their sources. The README's tables come from the `# --` comments of values.yaml and
from the settings model. Writes nothing outside of the chart.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from exporter.settings.describe import all_settings

ROOT = Path(__file__).resolve().parents[1]
CHART = ROOT / "deploy/helm/isnotai-exporter"

#: Which files are copied into which folder of the chart.
COPIES = {
    "alerts": "alerts/prometheus/*.yaml",
    "grafana-alerts": "alerts/grafana/*.yaml",
    "dashboards": "dashboards/grafana/*.json",
}

_KEY = re.compile(r"(?P<indent> *)(?P<key>[A-Za-z0-9]+):")
_COMMENT = re.compile(r" *# ?")
_MARKED = re.compile(r" *# -- ")


def copies() -> dict[Path, bytes]:
    """What each copied file of the chart must hold."""
    return {
        CHART / "files" / folder / source.name: source.read_bytes()
        for folder, pattern in COPIES.items()
        for source in sorted(ROOT.glob(pattern))
    }


def present() -> set[Path]:
    """The copied files that the chart has."""
    return {path for path in (CHART / "files").rglob("*") if path.is_file()}


def readme() -> str:
    """The chart's README: the text before the tables is kept, the tables are made."""
    path = CHART / "README.md"
    text = path.read_text("utf-8")
    kept, marker, _ = text.partition("<!-- made by scripts/sync_chart.py from here on -->\n")
    if not marker:
        raise ValueError(f"{path} has no line that says where the made part begins")
    return f"{kept}{marker}\n{_settings_table()}\n{_values_table()}"


def described_values() -> Iterator[tuple[str, str, Any]]:
    """Each value with a `# --` comment: its path, its description, its default."""
    lines = (CHART / "values.yaml").read_text("utf-8").splitlines()
    defaults = yaml.safe_load("\n".join(lines))
    path: list[str] = []
    comment: list[str] = []
    for line in lines:
        if _MARKED.match(line):
            comment = [_MARKED.sub("", line, count=1)]
        elif comment and line.lstrip().startswith("#"):
            comment.append(_COMMENT.sub("", line, count=1))
        elif key := _KEY.match(line):
            path = [*path[: len(key["indent"]) // 2], key["key"]]
            if comment:
                yield ".".join(path), " ".join(comment), _at(defaults, path)
            comment = []
        else:
            comment = []


def _at(values: Any, path: list[str]) -> Any:
    for key in path:
        values = values[key]
    return values


def _settings_table() -> str:
    rows = [
        f"| `config.{section}.{_camel(name)}` | `{setting.default}` | {setting.help} |"
        for setting in all_settings()
        if len(setting.path) == 2
        for section, name in [setting.path]
        if section not in ("config", "state", "tls", "web")
    ]
    head = "## Settings of the exporter\n\n| value | default | meaning |\n|---|---|---|\n"
    return head + "\n".join(rows) + "\n"


def _values_table() -> str:
    rows = [
        f"| `{path}` | `{_shown(default)}` | {description} |"
        for path, description, default in described_values()
    ]
    head = "## Values of the chart\n\n| value | default | meaning |\n|---|---|---|\n"
    return head + "\n".join(rows) + "\n"


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(other.capitalize() for other in others)


def _shown(default: Any) -> str:
    if isinstance(default, str):
        return default or '""'
    return (
        yaml.safe_dump(default, default_flow_style=True, width=1000).removesuffix("...\n").strip()
    )


def main() -> int:
    wanted = copies()
    for stale in present() - wanted.keys():
        stale.unlink()
    for path, content in wanted.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    (CHART / "README.md").write_text(readme(), "utf-8")
    sys.stdout.write(f"{len(wanted)} files copied, README made\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
