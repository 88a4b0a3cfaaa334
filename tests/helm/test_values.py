"""The chart's values without Helm: each setting can be set, each value is described, checked."""

import json
import math
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from alerts.generate.thresholds import Thresholds
from exporter.backtest.bounds import Bounds, bounds
from exporter.build import VERSION
from exporter.settings.describe import all_settings
from scripts.sync_chart import CHART, MADE, copies, described_values, present
from tests.yaml_files import load_yaml

VALUES: dict[str, Any] = load_yaml((CHART / "values.yaml").read_text("utf-8"))
SCHEMA: dict[str, Any] = json.loads((CHART / "values.schema.json").read_text("utf-8"))
THRESHOLDS: dict[str, Any] = SCHEMA["properties"]["prometheusRule"]["properties"]["thresholds"]
METADATA: dict[str, Any] = load_yaml((CHART / "Chart.yaml").read_text("utf-8"))
VALUE_SETS: dict[str, dict[str, Any]] = {
    path.stem: load_yaml(path.read_text("utf-8")) for path in sorted(CHART.glob("ci/*.yaml"))
}

#: Settings that the chart does not pass on from `config`, and by which value they are set.
ELSEWHERE = {
    "api_key": "apiKey",
    "api_key_file": "apiKey",
    "region": "region",
    "base_url": "baseUrl",
    "auth_header": "authHeader",
    "integration": "integration",
    "integrations": "integrations",
    "config.file": "integrations",
    "web.listen_address": "web",
    "web.telemetry_path": "web",
    "web.config_file": "webConfig",
    "web.enable_lifecycle": "web",
    "state.path": "state",
    "state.url": "state",
    "state.url_file": "state",
    "state.schema": "state",
    "tls.ca_file": "tls",
}


def resolved(schema: dict[str, Any]) -> dict[str, Any]:
    reference = schema.get("$ref")
    if reference is None:
        return schema
    found: dict[str, Any] = SCHEMA["$defs"][reference.removeprefix("#/$defs/")]
    return found


def camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(other.capitalize() for other in others)


def sections(schema: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Each object of the schema that has fields of its own."""
    schema = resolved(schema)
    if "properties" in schema:
        yield path, schema
        for name, inner in schema["properties"].items():
            yield from sections(inner, f"{path}.{name}".lstrip("."))


def below_an_empty_default(name: str) -> bool:
    """Whether a name lies in a value that is `{}` unless the user fills it."""
    values: Any = VALUES
    for part in name.split("."):
        if values == {}:
            return True
        values = values.get(part)
    return False


def over(values: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    """Values of a user over the chart's own, as Helm puts them together."""
    both = {**values, **given}
    for name in values.keys() & given.keys():
        if isinstance(values[name], dict) and isinstance(given[name], dict):
            both[name] = over(values[name], given[name])
    return both


def test_schema_is_a_schema() -> None:
    Draft202012Validator.check_schema(SCHEMA)


def test_default_values_fit_the_schema() -> None:
    Draft202012Validator(SCHEMA).validate(VALUES)


def test_every_setting_of_the_exporter_can_be_set() -> None:
    config = SCHEMA["properties"]["config"]["properties"]
    wanted: dict[str, set[str]] = {}
    for setting in all_settings():
        if setting.name in ELSEWHERE:
            assert ELSEWHERE[setting.name] in VALUES
            continue
        section, name = setting.path
        wanted.setdefault(section, set()).add(camel(name))

    assert {name: set(section["properties"]) for name, section in config.items()} == wanted


def test_unknown_values_are_refused_everywhere_but_in_global() -> None:
    """A threshold that there is not is refused by a template, which says those that there are."""
    loose = {path for path, schema in sections(SCHEMA) if schema.get("additionalProperties", True)}

    assert loose == {"global", "prometheusRule.thresholds"}


def test_thresholds_have_the_bounds_of_the_generator() -> None:
    def schema(allowed: Bounds) -> dict[str, Any]:
        said = {
            "exclusiveMinimum": allowed.above,
            "maximum": allowed.most,
            "exclusiveMaximum": allowed.below,
        }
        return {"type": "number"} | {key: it for key, it in said.items() if math.isfinite(it)}

    assert THRESHOLDS["properties"] == {name: schema(bounds(name)) for name in asdict(Thresholds())}


@pytest.mark.parametrize("name", asdict(Thresholds()))
def test_thresholds_are_refused_and_taken_as_by_the_generator(name: str) -> None:
    judge = Draft202012Validator(THRESHOLDS)
    tried = (-1.0, 0.0, 0.5, 1.0, 1.5, 200.0, 201.0, getattr(Thresholds(), name))

    assert [judge.is_valid({name: value}) for value in tried] == [
        bounds(name).allow(value) for value in tried
    ]


def test_values_and_schema_know_the_same_names() -> None:
    def names(values: dict[str, Any], path: str = "") -> Iterator[str]:
        for key, value in values.items():
            yield f"{path}{key}"
            if isinstance(value, dict):
                yield from names(value, f"{path}{key}.")

    known = {
        f"{path}.{name}".lstrip(".")
        for path, schema in sections(SCHEMA)
        for name in schema["properties"]
    }
    listed = {
        name
        for name in names(VALUES)
        if name.rpartition(".")[0] in {p for p, _ in sections(SCHEMA)}
    }
    optional = {name for name in known if below_an_empty_default(name)}
    optional |= {"enabled", "resources.claims"}
    optional |= {
        f"{probe}.{name}"
        for probe in ("livenessProbe", "readinessProbe", "startupProbe")
        for name in ("successThreshold", "terminationGracePeriodSeconds")
    }

    assert listed - known == set()
    assert known - listed == optional


def test_every_value_is_described() -> None:
    described = {path for path, _, _ in described_values()}

    def leaves(values: dict[str, Any], path: str = "") -> Iterator[str]:
        for key, value in values.items():
            here = f"{path}{key}"
            if here in described:
                yield here
            elif isinstance(value, dict) and value:
                yield from leaves(value, f"{here}.")
            else:
                yield here

    assert set(leaves(VALUES)) - described == set()


@pytest.mark.parametrize("path", [path for path, _, _ in described_values()])
def test_every_value_is_set_by_some_value_set(path: str) -> None:
    """What tests/tools renders, has judged and installs is all of values.yaml, not a part of it."""

    def at(values: Any) -> Any:
        for key in path.split("."):
            values = values.get(key) if isinstance(values, dict) else None
        return values

    default = at(VALUES)

    assert any(at(values) not in (None, default) for values in VALUE_SETS.values())


@pytest.mark.parametrize("name", VALUE_SETS)
def test_value_sets_fit_the_schema(name: str) -> None:
    Draft202012Validator(SCHEMA).validate(over(VALUES, VALUE_SETS[name]))


def test_commented_settings_show_the_exporters_defaults() -> None:
    text = (CHART / "values.yaml").read_text("utf-8")
    config = text.partition("\nconfig:")[2].partition("\nglobal:")[0]
    shown = {
        line.strip().removeprefix("# ")
        for line in config.splitlines()
        if line.startswith("    # ") and not line.startswith("    # --")
    }
    names = {entry.partition(":")[0] for entry in shown}
    defaults = {camel(one.path[-1]): one.default for one in all_settings() if len(one.path) == 2}

    plain = {"staleAfter", "windows", "include", "limits", "places"}
    for entry in shown:
        name, _, value = entry.partition(": ")
        if name not in plain:
            assert value == defaults[name], name
    elsewhere = {camel(name.rpartition(".")[2]) for name in ELSEWHERE if "." in name}
    assert names == set(defaults) - elsewhere


def test_chart_is_of_this_version_of_the_exporter() -> None:
    assert METADATA["appVersion"] == VERSION
    assert f":{VERSION}\n" in METADATA["annotations"]["artifacthub.io/images"]


def test_no_value_takes_a_key() -> None:
    names = {name for _, schema in sections(SCHEMA) for name in schema["properties"]}

    assert "existingSecret" in SCHEMA["properties"]["apiKey"]["properties"]
    assert not {name for name in names if name.lower() in ("key", "token", "value")} - {"key"}
    assert set(SCHEMA["properties"]["apiKey"]["properties"]) == {
        "existingSecret",
        "existingSecretKey",
        "file",
        "optional",
    }


def test_copies_equal_their_sources() -> None:
    wanted = copies()

    assert wanted
    assert present() == set(wanted), "run python -m scripts.sync_chart"
    for path, content in wanted.items():
        assert path.read_bytes() == content, f"{path.name}: run python -m scripts.sync_chart"


@pytest.mark.parametrize("name", MADE)
def test_what_is_made_from_values_and_settings_is_up_to_date(name: str) -> None:
    assert (CHART / name).read_text("utf-8") == MADE[name](), "run python -m scripts.sync_chart"


@pytest.mark.parametrize("name", ["integration", "apiKey.existingSecret", "config.budget.replicas"])
def test_readme_shows_what_must_be_set(name: str) -> None:
    assert f"| `{name}` |" in MADE["README.md"]()
