"""What the status page promises: every value escaped, times in words, and well-formed HTML."""

import base64
import hashlib
import re
from html.parser import HTMLParser

import pytest

from exporter.web import status_page
from exporter.web.backend import Health, IntegrationStatus, Link, ResourceStatus, Status

NOW = 1_790_000_000.0
LINKS = (("Metrics", "/metrics"),)
GOOD = Health(True)

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
        if "style" not in self.open:
            self.words.append(data)

    @property
    def tags(self) -> set[str]:
        return {tag for tag, _ in self.seen}

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def resource(**changes: object) -> ResourceStatus:
    values: dict[str, object] = {
        "resource": "sessions",
        "up": True,
        "last_success": NOW - 12,
        "consecutive_failures": 0,
        "last_error": None,
        "interval": 60.0,
        "next_poll": NOW + 48,
    }
    return ResourceStatus(**{**values, **changes})  # type: ignore[arg-type]


def integration(*resources: ResourceStatus, **changes: object) -> IntegrationStatus:
    values: dict[str, object] = {
        "name": "campus",
        "api_region": "us",
        "api_tier": "pro",
        "key_state": "valid",
        "resources": resources,
    }
    return IntegrationStatus(**{**values, **changes})  # type: ignore[arg-type]


def outline(
    *integrations: IntegrationStatus, health: Health = GOOD, ready: Health = GOOD, **changes: object
) -> Outline:
    values: dict[str, object] = {
        "version": "1.2.3",
        "revision": "abc1234",
        "started": NOW - 7500,
        "now": NOW,
        "integrations": integrations,
    }
    status = Status(**{**values, **changes})  # type: ignore[arg-type]
    parsed = Outline()
    parsed.feed(status_page.render(status, health, ready, LINKS))
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
        "healthy ready",
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


@pytest.mark.parametrize(
    ("health", "ready", "title"),
    [
        (GOOD, GOOD, "isnotai-exporter: healthy"),
        (GOOD, Health(False, ("campus: stats was not tried",)), "isnotai-exporter: starting"),
        (Health(False, ("campus: sessions is stuck",)), GOOD, "isnotai-exporter: not healthy"),
    ],
)
def test_the_title_and_the_problems_say_how_it_is(
    health: Health, ready: Health, title: str
) -> None:
    page = outline(health=health, ready=ready)
    assert page.text.startswith(title + " ")
    for problem in (*health.problems, *ready.problems):
        assert problem in page.text


def test_every_value_is_escaped() -> None:
    attack = "<script>alert(1)</script>\"'&"
    page = outline(
        integration(
            resource(resource=attack, last_error=attack),
            name=attack,
            api_region=attack,
            api_tier=attack,
        ),
        health=Health(False, (attack,)),
        version=attack,
        revision=attack,
        links=(Link(attack, "/" + attack),),
    )
    assert "script" not in page.tags
    assert page.text.count(attack) >= 8
    assert not any(name.startswith("on") for _, attributes in page.seen for name in attributes)


def test_the_page_loads_nothing_and_sends_nothing() -> None:
    page = outline(integration(resource()), links=(Link("Docs", "https://docs.example/"),))
    assert not page.tags & {"script", "img", "link", "iframe", "form", "object", "embed"}
    assert not any("src" in attributes or "style" in attributes for _, attributes in page.seen)
    assert [a["href"] for tag, a in page.seen if tag == "a"] == [
        "/metrics",
        "https://docs.example/",
    ]


def test_the_policy_allows_exactly_the_style_of_the_page() -> None:
    html = status_page.render(Status("1", "", NOW, NOW, ()), GOOD, GOOD, LINKS)
    style = re.search("<style>(.*?)</style>", html, re.DOTALL)
    assert style is not None
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    policy = status_page.SECURITY_HEADERS["Content-Security-Policy"]
    assert f"style-src 'sha256-{digest}'" in policy


def test_the_tables_are_legible_to_a_screen_reader() -> None:
    page = outline(integration(resource()))
    scopes = [attributes.get("scope") for tag, attributes in page.seen if tag == "th"]
    assert scopes == ["col"] * 7 + ["row"]
    assert {"caption", "main", "header", "nav", "h1", "h2"} <= page.tags
    assert ("html", {"lang": "en"}) in page.seen
