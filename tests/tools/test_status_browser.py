"""The status page in Chromium, of a real daemon over the simulator: legible, true and alive.

Narrow and wide, light and dark; with the API up, down, the key refused, and fifty integrations. axe
looks at each. Where STATUS_PICTURES names a folder, pictures of all states are left there.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from exporter.settings.load import load
from exporter.settings.model import Settings
from exporter.simulator.service import DEFAULT_KEY
from tests.e2e.running import Exporter, in_process
from tests.e2e.simulation import Simulation, simulated
from tests.tools import browser
from tests.tools.browser import Visit

pytestmark = pytest.mark.tools

REFUSED_KEY = "aik_v1_" + "x" * 40
WIDTHS = (360, 1280)
NARROW_ENOUGH = "document.documentElement.scrollWidth <= innerWidth"
WITHIN = """[...document.querySelectorAll("main :is(p, li, h2, dd, th, td, span, figure)")]
  .filter((it) => it.getClientRects().length && !it.closest("caption"))
  .filter((it) => it.getBoundingClientRect().right > innerWidth + 1)
  .map((it) => it.outerHTML.slice(0, 120))"""
TITLE = "document.title"
VERDICT = 'document.getElementById("verdict").innerText'
HEADLINE = 'document.getElementById("headline").innerText'
COUNTS = '[...document.querySelectorAll("dd.figure")].map((it) => it.innerText)'
GREEN = '[...document.querySelectorAll(".good")].map((it) => it.innerText)'


@asynccontextmanager
async def api_up(api: Simulation) -> AsyncIterator[Exporter]:
    async with in_process(api.variables) as exporter:
        await exporter.until(
            lambda scrape: (
                scrape.value("isnotai_resource_up") == 6
                and bool(scrape.value("isnotai_sessions_total"))
            )
        )
        yield exporter


@asynccontextmanager
async def api_down(api: Simulation) -> AsyncIterator[Exporter]:
    api.fail(down="503")
    variables = {
        "ISNOTAI_WEB_LISTEN_ADDRESS": "127.0.0.1:0",
        "ISNOTAI_BASE_URL": api.url,
        "ISNOTAI_POLL_OPENAPI_INTERVAL": "0",
        "ISNOTAI_API_KEY": DEFAULT_KEY,
        # Its tier is not known, so the budget is that of the free one.
        "ISNOTAI_BUDGET_SHARE": "1",
    }
    async with in_process(variables) as exporter:
        await failed(exporter, 6)
        yield exporter


@asynccontextmanager
async def key_refused(api: Simulation) -> AsyncIterator[Exporter]:
    variables = {**api.variables, "ISNOTAI_API_KEY": REFUSED_KEY}
    async with in_process(variables) as exporter:
        await failed(exporter, 5)
        yield exporter


async def failed(exporter: Exporter, resources: int) -> None:
    """Wait until so many resources have failed at least once."""
    family = "isnotai_resource_consecutive_failures"
    await exporter.until(
        lambda scrape: sum(map(bool, scrape.by("resource", family).values())) == resources
    )


@asynccontextmanager
async def fifty(api: Simulation) -> AsyncIterator[Exporter]:
    """Fifty integrations, one of them with a key that is refused."""
    variables = {
        "ISNOTAI_WEB_LISTEN_ADDRESS": "127.0.0.1:0",
        "ISNOTAI_CONFIG_FILE": os.environ["FIFTY"],
        "ISNOTAI_BASE_URL": api.url,
        "ISNOTAI_POLL_OPENAPI_INTERVAL": "0",
    }
    async with in_process(variables) as exporter:
        await exporter.until(lambda scrape: scrape.value("isnotai_resource_up") == 295, 240)
        yield exporter


@pytest.fixture(autouse=True)
def fifty_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The settings of `fifty`, and its keys."""
    lines = ["integrations:"]
    for number in range(50):
        key = tmp_path / f"key-{number:02}"
        key.write_text(REFUSED_KEY if number == 33 else DEFAULT_KEY)
        lines.append(f"- {{name: school-{number:02}, api_key_file: {key}}}")
    file = tmp_path / "fifty.yaml"
    file.write_text("\n".join([*lines, ""]))
    monkeypatch.setenv("FIFTY", str(file))


STATES: Mapping[str, tuple[Any, str, str]] = {
    "up": (api_up, "All is well", "resources of 1 integration are read"),
    "down": (api_down, "API down", "Nothing is read from the API: the API answered 503"),
    "key-refused": (key_refused, "Key refused", "Compare key and region"),
    "fifty": (fifty, "Key refused", "school-33"),
}


def looks(url: str, state: str) -> list[dict[str, Any]]:
    """A visit for each width and scheme, with what is asked of the page."""
    folder = os.environ.get("STATUS_PICTURES")
    return [
        {
            "url": url,
            "width": width,
            "dark": dark,
            "axe": True,
            "full": state != "fifty",
            "picture": f"{folder}/{state}-{width}-{'dark' if dark else 'light'}.png"
            if folder
            else None,
            "steps": [{"run": it} for it in (NARROW_ENOUGH, WITHIN, TITLE, VERDICT, GREEN, COUNTS)],
        }
        for width in WIDTHS
        for dark in (False, True)
        # A page of fifty is long: each width and each scheme once.
        if state != "fifty" or dark == (width == 360)
    ]


@pytest.mark.parametrize("state", STATES)
async def test_each_state_is_legible_on_phone_and_desk_in_light_and_dark(state: str) -> None:
    running, headline, words = STATES[state]
    async with simulated() as api, running(api) as exporter:
        seen = await asyncio.to_thread(browser.visit, *looks(exporter.url, state))

    assert len(seen) == (2 if state == "fifty" else 4)
    for one in seen:
        narrow, beyond, title, verdict, green, counts = one.results
        assert (narrow, beyond) == (True, [])
        assert title.lower().startswith(f"isnotai-exporter: {headline.lower()}")
        assert verdict.startswith(headline)
        assert words in verdict
        assert one.serious == []
        assert one.messages == []
        assert all(address.startswith(exporter.url) for address in one.requested)
        if state in ("down", "key-refused"):
            # Nothing was ever read of the sessions; /health needs no key.
            assert counts == ["–", "–"]
            assert green == ([] if state == "down" else ["up"])


async def visited(exporter: Exporter, *steps: dict[str, Any], **more: Any) -> Visit:
    """One visit at a desk."""
    asked = {"url": exporter.url, "width": 1280, "steps": steps, **more}
    (seen,) = await asyncio.to_thread(browser.visit, asked)
    return seen


async def test_the_page_renews_itself_and_keeps_what_is_folded() -> None:
    """Without a reload: what the page's own script was told stays."""
    fold = "#integration-default-title"
    kept = 'window.kept === 1 && !document.getElementById("integration-default").open'
    focused = "document.activeElement.id"
    async with simulated() as api, api_up(api) as exporter:
        faults = f"{api.url}/_simulator/faults"
        seen = await visited(
            exporter,
            {"run": HEADLINE},
            {"run": "window.kept = 1"},
            {"click": fold},
            {"post": [faults, {"down": "503"}]},
            {"wait": f"{HEADLINE} === 'API down'"},
            {"run": kept},
            {"run": focused},
            {"post": [faults, {"down": ""}]},
            {"wait": f"{HEADLINE} === 'All is well'"},
            {"run": TITLE},
        )

    assert seen.results == [
        "All is well",
        1,
        True,
        "integration-default-title",
        "isnotai-exporter: all is well",
    ]
    assert set(seen.requested) == {f"{exporter.url}/"}


async def test_a_page_that_gets_no_answer_says_so() -> None:
    lost = 'document.getElementById("lost")'
    async with simulated() as api, api_up(api) as exporter:
        seen = await visited(
            exporter,
            {"run": f"{lost}.hidden"},
            {"offline": True},
            {"wait": f"!{lost}.hidden"},
            {"run": f"{lost}.innerText.slice(0, 35)"},
            {"run": TITLE},
            {"offline": False},
            {"wait": f"{lost}.hidden"},
            {"run": TITLE},
        )

    assert seen.results == [
        True,
        "The exporter does not answer since ",
        "isnotai-exporter: no answer",
        "isnotai-exporter: all is well",
    ]


async def test_of_fifty_one_can_be_found() -> None:
    """Of the others it is not asked that none of their polls fails: the machine may be busy."""
    shown = (
        '[...document.querySelectorAll("#integrations > details")]'
        ".filter((it) => !it.hidden).map((it) => [it.dataset.name, it.open])"
    )
    async with simulated() as api, fifty(api) as exporter:
        seen = await visited(
            exporter,
            {"run": f"{shown}.find((it) => it[0] === 'school-33')"},
            {"run": f"{shown}.filter((it) => it[1]).length < 25"},
            {"type": ["#filter", "OL-1"]},
            {"wait": f"{shown}.length === 10"},
            {"run": f"{shown}.every((it) => it[0].startsWith('school-1'))"},
            {"go": f"{exporter.url}/#integration-school-07"},
            {"wait": 'document.getElementById("integration-school-07").open'},
        )

    assert seen.results == [["school-33", True], True, True]


async def test_without_scripts_the_browser_reloads_it() -> None:
    async with simulated() as api, api_up(api) as exporter:
        seen = await visited(
            exporter,
            {"run": 'document.querySelector("noscript meta").content'},
            {"run": HEADLINE},
            scripts=False,
        )

    assert seen.results == ["30", "All is well"]
    assert seen.messages == []


async def test_a_reload_that_failed_shows() -> None:
    async with simulated() as api:
        variables = {**api.variables, "ISNOTAI_WEB_ENABLE_LIFECYCLE": "true"}

        def reload() -> Settings:
            return load([], {**variables, "ISNOTAI_REGION": "mars"}).settings

        async with in_process(variables, reload) as exporter:
            await exporter.until(lambda scrape: scrape.value("isnotai_resource_up") == 6)
            assert (await exporter.client.post("/-/reload")).status_code == 500
            seen = await visited(exporter, {"run": VERDICT})

    assert seen.results[0].startswith("Reload failed")
    assert "mars" in seen.results[0]
    assert "reload again" in seen.results[0]
