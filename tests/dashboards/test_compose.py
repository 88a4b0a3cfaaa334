"""The compose files: valid by the Compose Specification, and each file they mount is there."""

import json
from pathlib import Path
from typing import Any

import jsonschema

from alerts.generate.outputs import DATASOURCE_UID
from dashboards.generate.boards import files
from exporter.ledger.database import Database, place_of
from exporter.settings.load import load
from tests.yaml_files import load_yaml

ROOT = Path(__file__).resolve().parents[2]
COMPOSE = ROOT / "deploy" / "compose"
SCHEMA = Path(__file__).parent / "schema" / "compose-spec.json"


def read(path: str) -> Any:
    """A YAML file of the folder."""
    return load_yaml((COMPOSE / path).read_text())


def services() -> dict[str, Any]:
    """The services by name."""
    content: dict[str, Any] = read("compose.yaml")["services"]
    return content


def mounts(service: str) -> dict[str, Path]:
    """What a service has mounted of the repository: the place inside, and the file outside."""
    found = {}
    for volume in services()[service].get("volumes", ()):
        source, target, *_ = volume.split(":")
        if source.startswith("."):
            found[target] = (COMPOSE / source).resolve()
    return found


def test_it_is_valid_by_the_compose_specification() -> None:
    schema = json.loads(SCHEMA.read_text())

    jsonschema.validate(read("compose.yaml"), schema)
    jsonschema.Draft202012Validator.check_schema(schema)


def test_everything_that_is_mounted_is_there_and_cannot_be_changed_from_inside() -> None:
    for name, service in services().items():
        for volume in service.get("volumes", ()):
            source, _, *rest = volume.split(":")
            if source.startswith("."):
                assert rest == ["ro"], (name, volume)
            else:
                assert source in read("compose.yaml")["volumes"]
        for path in mounts(name).values():
            assert path.exists(), (name, path)


def test_nothing_listens_beyond_this_machine() -> None:
    for service in services().values():
        assert all(port.startswith("127.0.0.1:") for port in service["ports"])


def test_images_are_pinned_and_the_exporter_is_built_here() -> None:
    for name, service in services().items():
        tag = service["image"].rpartition(":")[2]
        assert tag == "local" if name == "exporter" else tag[0] in "v123456789"
    assert (COMPOSE / services()["exporter"]["build"]["context"] / "Dockerfile").is_file()


def test_each_configuration_is_found_where_its_program_looks_for_it() -> None:
    for name in ("prometheus", "alertmanager"):
        (option,) = [it for it in services()[name]["command"] if it.startswith("--config.file=")]
        assert option.partition("=")[2] in mounts(name)
    rules = read("prometheus/prometheus.yml")["rule_files"]
    assert [str(Path(pattern).parent) for pattern in rules] == ["/etc/prometheus/rules"]
    assert {path.name for path in mounts("prometheus")["/etc/prometheus/rules"].iterdir()} == {
        "recording.yaml",
        "alerts.yaml",
    }


def test_prometheus_reaches_exporter_and_alertmanager_by_their_names() -> None:
    config = read("prometheus/prometheus.yml")
    (job,) = config["scrape_configs"]
    (managers,) = config["alerting"]["alertmanagers"]

    assert job["static_configs"] == [{"targets": ["exporter:10984"]}]
    assert managers["static_configs"] == [{"targets": ["alertmanager:9093"]}]
    assert {"exporter", "alertmanager", "prometheus"} <= set(services())


def test_grafana_gets_datasource_dashboards_and_alerts() -> None:
    mounted = mounts("grafana")
    (source,) = read("grafana/datasources/prometheus.yaml")["datasources"]
    (provider,) = read("grafana/dashboards/notai.yaml")["providers"]

    assert source["uid"] == DATASOURCE_UID
    assert source["url"] == "http://prometheus:9090"
    boards = mounted[provider["options"]["path"]]
    assert {path.name for path in boards.iterdir()} == set(files())
    alerting = mounted["/etc/grafana/provisioning/alerting"]
    assert [path.name for path in alerting.iterdir()] == ["alerting.yaml"]
    home = services()["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert (boards / Path(home).name).is_file()


def test_the_demos_lookback_does_not_look_like_a_catch_up() -> None:
    lookback = services()["exporter"]["environment"]["ISNOTAI_SESSIONS_LOOKBACK"]

    assert lookback.endswith("m")
    assert int(lookback[:-1]) * 60 < 600


def test_the_variant_with_two_exporters_is_valid_and_its_settings_can_be_used() -> None:
    fleet, both = read("fleet.yaml"), ("exporter", "exporter-2")
    jsonschema.validate(fleet, json.loads(SCHEMA.read_text()))

    for name in both:
        settings = load([], fleet["services"][name]["environment"]).settings
        assert isinstance(place_of(settings.state), Database)
        assert settings.base_url == "http://api:8080"
    (volume,) = fleet["services"]["prometheus"]["volumes"]
    scraped = read(volume.split(":")[0])["scrape_configs"][0]["static_configs"][0]["targets"]
    assert scraped == [f"{name}:10984" for name in both]
    for service in fleet["services"].values():
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ()))
