"""Parts of the metrics, and the list by which Prometheus scrapes each integration on its own."""

import json

import pytest
from prometheus_client import CollectorRegistry
from starlette.types import ASGIApp

from exporter.metrics import catalogue
from exporter.metrics.model import Sample
from exporter.metrics.snapshot import Group, build
from exporter.publish.exposition import Exposition, Renderer
from exporter.web.app import create_app
from exporter.web.discovery import UnusableHostError, targets
from tests.web.conftest import NOW, FakeSite
from tests.web.test_app import client_of

NAMES = ("a", "b & \u00e7", "c")


def exposition() -> Exposition:
    groups = [Group(name, [Sample(catalogue.UP, 1.0)]) for name in NAMES]
    own = Group(None, [Sample(catalogue.EXPORTER_RELOAD_OK, 1.0)])
    return Renderer(CollectorRegistry()).render(build([*groups, own], NOW))


@pytest.fixture
def app() -> ASGIApp:
    return create_app(FakeSite(exposition()))


def up(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith("isnotai_up")]


async def test_integrations_that_are_named_come_alone(app: ASGIApp) -> None:
    async with client_of(app) as client:
        one = await client.get("/metrics", params={"integration": NAMES[1]})
        two = await client.get("/metrics", params={"integration": ["c", "a"]})

    assert up(one.text) == [f'isnotai_up{{integration="{NAMES[1]}"}} 1.0']
    assert up(two.text) == ['isnotai_up{integration="a"} 1.0', 'isnotai_up{integration="c"} 1.0']
    assert "isnotai_exporter" not in one.text + two.text


async def test_the_exporters_own_series_can_be_had_alone(app: ASGIApp) -> None:
    async with client_of(app) as client:
        own = await client.get("/metrics?integration=")

    assert "isnotai_exporter_series 5.0\n" in own.text
    assert up(own.text) == []


async def test_an_unknown_integration_is_named(app: ASGIApp) -> None:
    async with client_of(app) as client:
        answer = await client.get("/metrics?integration=a&integration=mars")

    assert answer.status_code == 404
    assert "'mars'" in answer.text


async def test_what_looks_like_a_key_is_not_repeated(app: ASGIApp) -> None:
    key = "aik_v1_" + "x" * 40
    async with client_of(app) as client:
        answer = await client.get("/metrics", params={"integration": key})

    assert answer.status_code == 404
    assert key not in answer.text


async def test_each_integration_is_a_target_with_an_instance_of_its_own(app: ASGIApp) -> None:
    async with client_of(app) as client:
        answer = await client.get("/sd", headers={"Host": "exporter.example:10984"})

    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == [
        {
            "targets": ["exporter.example:10984"],
            "labels": {
                "__param_integration": name,
                "instance": f"exporter.example:10984/{name}",
            },
        }
        for name in NAMES
    ]


async def test_before_the_first_snapshot_there_is_no_list() -> None:
    async with client_of(create_app(FakeSite(None))) as client:
        # Prometheus keeps the targets that it has.
        assert (await client.get("/sd")).status_code == 503


def test_what_differs_from_prometheus_own_defaults_is_said() -> None:
    (group,) = targets("[::1]:10984", "https", "/probe", ["a"])

    assert group["targets"] == ["[::1]:10984"]
    assert json.loads(json.dumps(group["labels"])) == {
        "__param_integration": "a",
        "instance": "[::1]:10984/a",
        "__scheme__": "https",
        "__metrics_path__": "/probe",
    }


@pytest.mark.parametrize("host", [None, "", "a b", "a/b", "a:b", "u@a", "a" * 300])
def test_a_host_that_is_none_is_refused(host: str | None) -> None:
    with pytest.raises(UnusableHostError):
        targets(host, "http", "/metrics", ["a"])
