"""Copy what the chart needs from elsewhere in the repository; make its README and its intervals.

Helm reads no file outside of a chart, so alerts and dashboards stand in it as copies; a test holds
them equal to their sources. The README's tables come from the `# --` comments of values.yaml and
from the settings model, and so does what values.yaml and its schema say of `config.poll`. Writes
nothing outside of the chart.
"""

import json
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
_INTERVAL = "Interval"
_BELOW_POLL = re.compile(rf"(?m)^(  poll: {{}}\n)(?:    # [a-z]+{_INTERVAL}: .*\n)*")


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


def values() -> str:
    """values.yaml, with the interval of each resource below `config.poll`, as a comment."""
    text = (CHART / "values.yaml").read_text("utf-8")
    lines = [f"    # {name}: {default}\n" for name, default in _intervals().items()]
    made, times = _BELOW_POLL.subn(lambda found: found[1] + "".join(lines), text)
    if times != 1:
        raise ValueError(f"config.poll is there {times} times, not once")
    return made


def schema() -> str:
    """values.schema.json, with the interval of each resource in `config.poll`."""
    known: dict[str, Any] = json.loads((CHART / "values.schema.json").read_text("utf-8"))
    poll = known["properties"]["config"]["properties"]["poll"]
    kept = {name: it for name, it in poll["properties"].items() if not name.endswith(_INTERVAL)}
    poll["properties"] = {name: {"$ref": "#/$defs/interval"} for name in _intervals()} | kept
    _require(known, yaml.safe_load((CHART / "values.yaml").read_text("utf-8")), known["$defs"])
    return json.dumps(known, indent=1, ensure_ascii=False) + "\n"


#: Defaults that can be taken away with `null`; what is `{}`, `[]` or "" by default always can.
REMOVABLE = {
    *("jobLabel", "interval", "registry", "updatePolicy", "resources", "global"),
    *(f"{name}Seconds" for name in ("initialDelay", "period", "timeout")),
    "failureThreshold",
}


def _require(schema: dict[str, Any], values: dict[str, Any], known: dict[str, Any]) -> None:
    """Have a schema refuse `null` where the templates cannot do without a value.

    Helm deletes a default that a user sets to null, which a section with nothing but comments in it
    is too, and only then looks at the schema.
    """
    required = []
    for name, default in values.items():
        inner = schema["properties"][name]
        inner = known[inner["$ref"].rpartition("/")[2]] if "$ref" in inner else inner
        if name in REMOVABLE:
            continue
        if isinstance(default, dict):
            if default and "properties" in inner:
                required.append(name)
                _require(inner, default, known)
        elif isinstance(default, bool) or (default and not isinstance(default, list)):
            required.append(name)
    if required:
        schema["required"] = sorted(required)


def _intervals() -> dict[str, str]:
    """The default of each resource's interval, by its name in the chart."""
    found = {_camel(one.path[-1]): one.default for one in all_settings() if one.path[0] == "poll"}
    return {name: default for name, default in found.items() if name.endswith(_INTERVAL)}


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


#: What is made, wholly or in part. The README is made of the values, so it comes last.
MADE = {"values.yaml": values, "values.schema.json": schema, "README.md": readme}


def main() -> int:
    wanted = copies()
    for stale in present() - wanted.keys():
        stale.unlink()
    for path, content in wanted.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    for name, make in MADE.items():
        (CHART / name).write_text(make(), "utf-8")
    sys.stdout.write(f"{len(wanted)} files copied, {len(MADE)} made\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
