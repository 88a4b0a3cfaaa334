"""What the HTTP application promises, over real sockets."""

import asyncio
import gzip
import re
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import cast
from urllib.parse import urljoin

import httpx
import pytest
from prometheus_client.metrics_core import Metric as WireFamily
from prometheus_client.openmetrics import parser as openmetrics_parser
from starlette.types import ASGIApp

from exporter.web.app import create_app
from exporter.web.backend import Health
from tests.plain import TRUSTS_NOBODY
from tests.web.conftest import FakeSite, serving

# prometheus-client leaves this one untyped.
parse_openmetrics = cast(
    Callable[[str], Iterable[WireFamily]], openmetrics_parser.text_string_to_metric_families
)

OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"
TEXT = "text/plain; version=0.0.4; charset=utf-8"


@asynccontextmanager
async def client_of(app: ASGIApp) -> AsyncIterator[httpx.AsyncClient]:
    async with (
        serving(app) as server,
        httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{server.port}", timeout=5, verify=TRUSTS_NOBODY
        ) as client,
    ):
        yield client


async def raw(client: httpx.AsyncClient, **headers: str) -> tuple[httpx.Response, bytes]:
    """The answer to a scrape and its body as it came over the wire."""
    async with client.stream(
        "GET", "/metrics", headers={"Accept-Encoding": "identity", **headers}
    ) as response:
        return response, b"".join([part async for part in response.aiter_raw()])


async def test_a_scrape_gets_the_ready_bytes_of_the_face_it_accepts(
    site: FakeSite, app: ASGIApp
) -> None:
    exposition = site.exposition
    assert exposition is not None
    async with client_of(app) as client:
        response, body = await raw(client)
        assert (response.status_code, response.headers["content-type"]) == (200, TEXT)
        assert body == exposition.text
        response, body = await raw(client, Accept="application/openmetrics-text")
        assert response.headers["content-type"] == OPENMETRICS
        assert body == exposition.openmetrics
        assert list(parse_openmetrics(body.decode()))


async def test_gzip_goes_out_as_it_was_made(site: FakeSite, app: ASGIApp) -> None:
    exposition = site.exposition
    assert exposition is not None
    async with client_of(app) as client:
        response, body = await raw(client, **{"Accept-Encoding": "gzip"})
        assert response.headers["content-encoding"] == "gzip"
        assert body == exposition.body("text", gzipped=True)
        assert gzip.decompress(body) == exposition.text
        response, body = await raw(
            client, Accept="application/openmetrics-text", **{"Accept-Encoding": "gzip"}
        )
        assert body == exposition.body("openmetrics", gzipped=True)


async def test_caches_are_told_what_the_answer_depends_on(app: ASGIApp) -> None:
    async with client_of(app) as client:
        response, body = await raw(client)
        assert response.headers["vary"] == "Accept, Accept-Encoding"
        assert response.headers["content-length"] == str(len(body))
        assert "content-encoding" not in response.headers
        assert response.headers["cache-control"] == "no-store"


async def test_head_gives_the_headers_of_get_and_no_body(site: FakeSite, app: ASGIApp) -> None:
    exposition = site.exposition
    assert exposition is not None
    async with client_of(app) as client:
        response = await client.head("/metrics", headers={"Accept-Encoding": "identity"})
        assert response.status_code == 200
        assert response.headers["content-length"] == str(len(exposition.text))
        assert response.content == b""
        # The connection is still in step.
        assert (await client.get("/-/healthy")).text == "healthy\n"


async def test_accept_in_several_lines_is_one_list(app: ASGIApp) -> None:
    async with client_of(app) as client:
        response = await client.get(
            "/metrics",
            headers=[("Accept", "text/plain;q=0.1"), ("Accept", "application/openmetrics-text")],
        )
        assert response.headers["content-type"] == OPENMETRICS


async def test_a_new_snapshot_is_served_from_the_next_scrape_on(
    site: FakeSite, app: ASGIApp
) -> None:
    async with client_of(app) as client:
        site.exposition = None
        assert (await client.get("/metrics")).status_code == 503
        site.exposition = FakeSite().exposition
        assert (await client.get("/metrics")).status_code == 200


async def test_the_telemetry_path_is_where_the_settings_put_it(site: FakeSite) -> None:
    async with client_of(create_app(site, telemetry_path="/probe/metrics")) as client:
        assert (await client.get("/probe/metrics")).headers["content-type"] == TEXT
        assert (await client.get("/metrics")).status_code == 404
        assert 'href="probe/metrics"' in (await client.get("/")).text


async def test_the_pages_links_stay_below_the_prefix_under_which_a_proxy_serves_it(
    app: ASGIApp,
) -> None:
    async with client_of(app) as client:
        page = (await client.get("/")).text
        links = re.findall(r'href="([^"]*)"', page)
        own = [urljoin("https://host/tools/isnotai/", link) for link in links if ":" not in link]

        assert own == [
            f"https://host/tools/isnotai/{path}"
            for path in ("metrics", "-/healthy", "-/ready", "api/status")
        ]


async def test_the_page_is_there_as_json(site: FakeSite, app: ASGIApp) -> None:
    async with client_of(app) as client:
        answer = await client.get("/api/status")

        assert answer.headers["content-type"] == "application/json"
        assert answer.headers["cache-control"] == "no-store"
        assert answer.json()["version"] == site.page.version


async def test_metrics_at_the_root_take_the_place_of_the_status_page(site: FakeSite) -> None:
    async with client_of(create_app(site, telemetry_path="/")) as client:
        assert (await client.get("/")).headers["content-type"] == TEXT


@pytest.mark.parametrize("path", ["metrics", "", "/-/healthy", "/-/metrics", "/api/status", "/sd"])
def test_a_telemetry_path_that_cannot_be_is_refused(site: FakeSite, path: str) -> None:
    with pytest.raises(ValueError, match="telemetry path"):
        create_app(site, telemetry_path=path)


@pytest.mark.parametrize(("path", "word"), [("/-/healthy", "healthy"), ("/-/ready", "ready")])
async def test_health_and_readiness_are_what_the_site_says(
    site: FakeSite, app: ASGIApp, path: str, word: str
) -> None:
    async with client_of(app) as client:
        response = await client.get(path)
        assert (response.status_code, response.text) == (200, f"{word}\n")
        site.healthy = site.is_ready = Health(False, ("campus: sessions is stuck", "and more"))
        response = await client.get(path)
        assert response.status_code == 503
        assert response.text == f"not {word}\ncampus: sessions is stuck\nand more\n"


async def test_reload_over_http_is_off_unless_asked_for(site: FakeSite) -> None:
    async with client_of(create_app(site)) as client:
        response = await client.post("/-/reload")
        assert response.status_code == 403
        assert "--web.enable-lifecycle" in response.text
        assert site.reloads == 0


async def test_a_reload_is_done_once_and_confirmed(site: FakeSite, app: ASGIApp) -> None:
    async with client_of(app) as client:
        assert (await client.post("/-/reload")).status_code == 200
        assert site.reloads == 1


async def test_a_failed_reload_is_a_500_that_says_why(site: FakeSite, app: ASGIApp) -> None:
    site.reload_problem = "poll.stats_interval: '5' has no unit"
    async with client_of(app) as client:
        response = await client.post("/-/reload")
        assert response.status_code == 500
        assert "poll.stats_interval: '5' has no unit" in response.text


async def test_a_reload_that_hangs_is_given_up(site: FakeSite) -> None:
    class HangingSite(FakeSite):
        async def reload(self) -> None:
            await asyncio.Event().wait()

    app = create_app(HangingSite(), enable_lifecycle=True, reload_timeout=0.01)
    async with client_of(app) as client:
        response = await client.post("/-/reload")
        assert response.status_code == 500
        assert "within 0.01 s" in response.text


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/-/reload"), ("POST", "/metrics"), ("DELETE", "/"), ("PUT", "/-/healthy")],
)
async def test_a_wrong_method_is_a_405_that_names_the_right_one(
    app: ASGIApp, method: str, path: str
) -> None:
    async with client_of(app) as client:
        response = await client.request(method, path)
        assert response.status_code == 405
        assert set(response.headers["allow"].split(", ")) & {"GET", "POST"}


async def test_an_unknown_path_is_a_404_and_no_redirect(app: ASGIApp) -> None:
    async with client_of(app) as client:
        assert (await client.get("/nothing")).status_code == 404
        assert (await client.get("/metrics/")).status_code == 404


async def test_the_status_page_forbids_scripts_and_anything_from_elsewhere(app: ASGIApp) -> None:
    async with client_of(app) as client:
        response = await client.get("/")
        assert response.headers["content-type"] == "text/html; charset=utf-8"
        policy = response.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; style-src 'sha256-")
        assert "unsafe" not in policy
        assert response.headers["x-content-type-options"] == "nosniff"


async def test_no_answer_names_the_server_software(app: ASGIApp) -> None:
    async with client_of(app) as client:
        for path in ("/", "/metrics", "/nothing"):
            assert "server" not in (await client.get(path)).headers
