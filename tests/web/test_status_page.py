"""What the status page promises: every value escaped, times in words, and well-formed HTML."""

import base64
import hashlib
import re
from html.parser import HTMLParser
from typing import Any

import pytest

from exporter.settings.effective import Effective
from exporter.web import status_page
from exporter.web.backend import (
    Finding,
    IntegrationStatus,
    Link,
    Quota,
    Reload,
    ResourceStatus,
    StateStatus,
    Status,
)

NOW = 1_790_000_000.0
LINKS = (("Metrics", "/metrics"),)
WELL = Finding("good", "exporter", "all is well", "6 resources are read.")
REFUSED = Finding(
    "bad", "key", "key refused", "The API refuses the key.", "Replace it.", ("campus",)
)

VOID = {"meta", "link", "br", "hr", "img", "input"}


class Outline(HTMLParser):
    """The tags of a document, with a complaint where they do not nest."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not {"style", "script", "title"} & set(self.open):
            self.words.append(data)

    @property
    def tags(self) -> set[str]:
        return {tag for tag, _ in self.seen}

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def resource(**changes: Any) -> ResourceStatus:
    values: dict[str, Any] = {
        "resource": "sessions",
        "up": True,
        "last_success": NOW - 12,
        "consecutive_failures": 0,
        "last_error": None,
        "interval": 60.0,
        "next_poll": NOW + 48,
    }
    return ResourceStatus(**{**values, **changes})


def integration(*resources: ResourceStatus, **changes: Any) -> IntegrationStatus:
    values: dict[str, Any] = {
        "name": "campus",
        "api_region": "us",
        "api_tier": "pro",
        "key_state": "valid",
        "resources": resources,
    }
    return IntegrationStatus(**{**values, **changes})


def page_of(*integrations: IntegrationStatus, **changes: Any) -> str:
    values: dict[str, Any] = {
        "version": "1.2.3",
        "revision": "abc1234",
        "started": NOW - 7500,
        "now": NOW,
        "integrations": integrations,
        "findings": (WELL,),
    }
    return status_page.render(Status(**{**values, **changes}), LINKS)


def outline(*integrations: IntegrationStatus, **changes: Any) -> Outline:
    parsed = Outline()
    parsed.feed(page_of(*integrations, **changes))
    parsed.close()
    assert parsed.open == []
    return parsed


def test_the_page_shows_version_integration_and_each_resource() -> None:
    page = outline(
        integration(
            resource(),
            resource(resource="stats", up=False, consecutive_failures=3, last_error="status 503"),
            sessions=48213,
            bot_sessions=1377,
            frontier=NOW - 134,
            budget=150.0,
            rate_limit=600,
        )
    )
    for words in (
        "1.2.3",
        "abc1234",
        "campus",
        "key valid",
        "region us",
        "pro tier",
        "48,213",
        "1,377",
        "2 min 14 s ago",
        "150 requests/min of 600",
        "sessions up 12 s ago 0 – 1 min in 48 s",
        "stats down 12 s ago 3 status 503 1 min in 48 s",
        "48,213 sessions, 2.9 % bots",
        "All is well exporter: good 6 resources are read.",
    ):
        assert words in page.text, words


def test_a_time_is_relative_in_words_and_absolute_for_machines() -> None:
    page = outline(integration(resource()))
    times = [attributes["datetime"] for tag, attributes in page.seen if tag == "time"]
    assert "2026-09-21T14:13:08+00:00" in times
    assert "2 h 5 min ago" in page.text
    assert "As of 2026-09-21 14:13:20 UTC" in page.text


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.2, "now"),
        (1, "1 s ago"),
        (59.6, "1 min ago"),
        (60, "1 min ago"),
        (3600, "1 h ago"),
        (3659, "1 h ago"),
        (86400 + 7200 + 59, "1 d 2 h ago"),
        (86400 * 400, "400 d ago"),
        (-90, "in 1 min 30 s"),
    ],
)
def test_spans_are_told_in_their_two_largest_units(seconds: float, words: str) -> None:
    page = outline(started=NOW - seconds)
    assert f"Running since {words} " in page.text


def test_what_is_unknown_is_shown_as_such() -> None:
    page = outline(
        integration(
            resource(up=None, last_success=None, next_poll=None),
            api_region=None,
            api_tier=None,
            key_state="unknown",
        ),
        revision="",
    )
    assert "Revision – " in page.text
    assert "key not tried yet tier unknown" in page.text
    assert "Sessions counted –" in page.text
    assert "sessions not tried yet – 0 – 1 min –" in page.text


@pytest.mark.parametrize(
    ("state", "words"), [("refused", "key refused"), ("missing", "key missing")]
)
def test_a_key_that_does_not_serve_is_named(state: str, words: str) -> None:
    assert words in outline(integration(key_state=state)).text


def test_the_verdict_comes_first_worst_first_with_the_next_step() -> None:
    page = page_of(integration(resource()), findings=(REFUSED, WELL))

    assert "<title>isnotai-exporter: key refused and 1 more</title>" in page
    text = outline(integration(resource()), findings=(REFUSED, WELL)).text
    assert "Key refused and 1 more key: wrong campus The API refuses the key. Replace it." in text
    assert text.index("Replace it.") < text.index("Sessions counted")


def test_nothing_is_green_while_nothing_answers() -> None:
    down = resource(up=False, last_error="status 503")
    page = page_of(integration(down), findings=(REFUSED,))

    assert "mark good" not in page.split("<style>")[0] + page.split("</script>")[1]
    assert "key valid" not in page


def test_what_another_replica_polls_is_shown_with_its_name_and_without_empty_tables() -> None:
    page = page_of(integration(polls=False, polled_by="east-1 <b>", sessions=7))

    assert "polled by east-1 &lt;b&gt;" in page
    assert "7 sessions" in page
    for unknown_here in ("Resources of campus", "key valid", "Budget"):
        assert unknown_here not in page


def test_a_poll_whose_time_has_come_is_under_way() -> None:
    page = outline(integration(resource(next_poll=NOW - 32)))
    assert "1 min under way" in page.text
    assert "32 s ago" not in page.text


def test_budget_and_quota_are_bars_with_words() -> None:
    one = integration(
        resource(),
        budget=150.0,
        rate_limit=600.0,
        spent=30,
        quotas=(Quota("api_calls", 1e6, 0.25), Quota("events", 5e6, None)),
    )
    page = outline(one)

    assert "30 requests in the last minute" in page.text
    assert "25.0 % of 1,000,000" in page.text
    assert "– of 5,000,000" in page.text
    meters = [attributes for tag, attributes in page.seen if tag == "meter"]
    assert [it["value"] for it in meters] == ["0.200", "0.250"]
    assert all(it["aria-label"] for it in meters)


def test_few_integrations_are_unfolded_and_of_many_those_with_findings() -> None:
    def unfolded(*names: str) -> list[str | None]:
        page = outline(*(integration(resource(), name=name) for name in names), findings=(REFUSED,))
        return [
            attributes.get("data-name")
            for tag, attributes in page.seen
            if tag == "details" and "open" in attributes
        ]

    assert unfolded("a", "b", "campus") == ["a", "b", "campus"]
    assert unfolded("a", "b", "c", "campus") == ["campus"]


def test_each_link_of_the_index_leads_to_its_integration() -> None:
    names = ("campus", "a b", "ä/ö", "50 %")
    page = outline(*(integration(resource(), name=name) for name in names))
    ids = [attributes["id"] for tag, attributes in page.seen if tag == "details"]
    links = [attributes["href"] for tag, attributes in page.seen if tag == "a"]

    assert [link for link in links if link and link[0] == "#"] == [f"#{one}" for one in ids[:4]]
    assert len(set(ids)) == 5
    assert not any(" " in (one or "") for one in ids)


def test_settings_state_and_reload_are_shown() -> None:
    page = outline(
        settings=(Effective("budget.share", "0.25", "default"),),
        state=StateStatus("/var/lib/isnotai/state.db", NOW - 3),
        reload=Reload(NOW - 60, "budget.share: 2 is above 1"),
    )
    assert "budget.share 0.25 default" in page.text
    assert (
        "State /var/lib/isnotai/state.db Last commit 3 s ago Last reload failed 1 min" in page.text
    )
    assert "State in memory" in outline().text


def test_every_value_is_escaped() -> None:
    attack = "<script>alert(1)</script>\"'&"
    page = outline(
        integration(
            resource(resource=attack, last_error=attack),
            name=attack,
            api_region=attack,
            api_tier=attack,
        ),
        findings=(Finding("bad", attack, attack, attack, attack, (attack,)),),
        settings=(Effective(attack, attack, attack),),
        state=StateStatus(attack),
        version=attack,
        revision=attack,
        links=(Link(attack, "/" + attack),),
    )
    assert [tag for tag, _ in page.seen].count("script") == 1
    assert page.text.count(attack) >= 14
    assert not any(name.startswith("on") for _, attributes in page.seen for name in attributes)


def test_the_page_loads_nothing_and_sends_nothing() -> None:
    page = outline(integration(resource()), links=(Link("Docs", "https://docs.example/"),))
    assert not page.tags & {"img", "link", "iframe", "form", "object", "embed"}
    assert not any("src" in attributes or "style" in attributes for _, attributes in page.seen)
    assert [a["href"] for tag, a in page.seen if tag == "a"] == [
        "/metrics",
        "https://docs.example/",
    ]


def test_the_policy_allows_exactly_the_style_and_the_script_of_the_page() -> None:
    html = page_of()
    policy = status_page.SECURITY_HEADERS["Content-Security-Policy"]
    for kind in ("style", "script"):
        (text,) = re.findall(rf"<{kind}>(.*?)</{kind}>", html, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}';" in policy


def test_the_tables_are_legible_to_a_screen_reader() -> None:
    page = outline(integration(resource()))
    scopes = [attributes.get("scope") for tag, attributes in page.seen if tag == "th"]
    assert scopes == ["col"] * 7 + ["row"] + ["col"] * 3
    assert {"caption", "main", "header", "nav", "h1", "h2"} <= page.tags
    assert ("html", {"lang": "en"}) in page.seen


def test_what_had_nothing_to_ask_for_is_told_from_what_was_not_tried() -> None:
    idle = resource(resource="details", up=None, idle=True)
    page = outline(integration(idle, resource(resource="users", up=None))).text

    assert "details nothing to ask for yet" in page
    assert "users not tried yet" in page
