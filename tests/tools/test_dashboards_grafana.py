"""The dashboards by Grafana's own code: units it knows, text it makes, its newest schema."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from dashboards.generate.boards import dashboards, files, resources
from dashboards.generate.grafana import SCHEMA_VERSION
from tests.dashboards.trial import grafana

pytestmark = pytest.mark.tools

FORMATTED = {
    ("reqpm", 3.21, 1): "3.2 req/m",
    ("bytes", 5.3e9, None): "4.94 GiB",
    ("percentunit", 0.137, 1): "13.7%",
    ("s", 120.0, 0): "2 mins",
    ("short", 12345.0, 0): "12 K",
    ("locale", 1757.0, 0): "1,757",
    ("dateTimeFromNow", 1_790_000_000_000.0, None): "10 minutes ago",
    ("bool_yes_no", 1.0, None): "Yes",
    ("none", 0.35, 2): "0.35",
}


def units(content: Any) -> set[str]:
    """All units that a dashboard names, of columns, axes and cells, too."""
    text = json.dumps(content)
    named = re.findall(r'"id": "unit", "value": "(\w+)"', text)
    return {*named, *re.findall(r'"unit": "(\w+)"', text)}


def test_each_unit_is_one_of_grafanas_and_its_text_is_what_is_meant() -> None:
    known = {unit for unit, _, _ in FORMATTED}
    used = {unit for content in dashboards().values() for unit in units(content)}

    answer = grafana.ask(formats=[list(one) for one in FORMATTED], now=1_790_000_600_000)

    assert used <= set(answer["units"])
    assert used <= known
    assert dict(zip(FORMATTED, answer["formats"], strict=True)) == FORMATTED


def test_the_schema_is_the_newest_that_grafana_knows() -> None:
    assert grafana.ask()["schemaVersion"] == SCHEMA_VERSION


def test_both_forms_are_of_the_types_of_grafanas_schema(tmp_path: Path) -> None:
    contents = {f"classic-{name}": ("Board", text) for name, text in files().items()}
    contents |= {f"resource-{name}": ("Resource", text) for name, text in resources().items()}

    assert grafana.type_errors(tmp_path / "types", contents) == ""


@pytest.mark.parametrize(
    ("kind", "right", "wrong"),
    [
        ("Board", '"graphMode": "area"', '"graphMode": "aera"'),
        ("Board", '"schemaVersion"', '"schemaVersoin"'),
        ("Board", '"displayMode": "table"', '"displayMode": "tables"'),
        ("Board", '"noValue"', '"noValues"'),
        ("Resource", '"hide": "dontHide"', '"hide": 0'),
        ("Resource", '"queryOptions"', '"queryOption"'),
    ],
)
def test_the_types_object_to_what_is_wrong(
    tmp_path: Path, kind: str, right: str, wrong: str
) -> None:
    made = files() if kind == "Board" else resources()
    text = made["notai-security.json"]
    assert right in text

    errors = grafana.type_errors(tmp_path / "types", {"wrong": (kind, text.replace(right, wrong))})

    assert "wrong.ts" in errors
