"""The verdict: worst first, in words with the next step; equal findings of many are one."""

from collections.abc import Sequence

import pytest

from exporter.web.backend import Finding, Health, IntegrationStatus, Reload
from exporter.web.verdict import findings
from tests.web.test_status_page import integration, resource

GOOD = Health(True)


def verdict(
    *integrations: IntegrationStatus,
    health: Health = GOOD,
    ready: Health = GOOD,
    reload: Reload | None = None,
) -> Sequence[Finding]:
    return findings(integrations, health, ready, reload)


def test_all_is_well_only_where_nothing_is_wrong() -> None:
    (one,) = verdict(integration(resource()), reload=Reload(0.0))

    assert (one.level, one.headline) == ("good", "all is well")
    assert one.words == "1 resources of 1 integration are read."


def test_what_other_replicas_poll_is_well_and_what_none_polls_is_not() -> None:
    other = integration(polls=False, polled_by="east")
    (one,) = verdict(integration(resource()), other, other)
    (none,) = verdict(other, integration(name="free", polls=False))
    (away,) = findings([integration(polls=False)], GOOD, GOOD, None, "no route to host")

    assert one.level == "good"
    assert one.words == "1 resources of 1 integration are read. Other replicas poll 2 integrations."
    assert (none.level, none.headline) == ("unknown", "polled by no replica")
    assert none.integrations == ("free",)
    assert away.headline == "database away"


DOWN = integration(
    resource(resource="health", up=False, last_error="status 502"),
    resource(resource="stats", up=False, last_error="status 503"),
    resource(up=False, last_error="status 503"),
)


@pytest.mark.parametrize(
    ("one", "level", "headline", "step"),
    [
        (integration(resource(up=False), key_state="refused"), "bad", "key refused", "restart"),
        (
            integration(resource(up=False), key_state="refused", key_file=True),
            "bad",
            "key refused",
            "read again by itself",
        ),
        (
            integration(resource(up=False), key_state="missing"),
            "bad",
            "key missing",
            "api_key_file",
        ),
        (DOWN, "bad", "API down", "tried again by itself"),
        (
            integration(resource(), resource(resource="stats", up=False, last_error="status 503")),
            "warning",
            "stats not read",
            "tried again by itself",
        ),
        (
            integration(resource(consecutive_failures=3, last_error="the disk is full")),
            "bad",
            "counts not committed",
            "state.path",
        ),
        (integration(resource(), behind=1000.0), "warning", "counting is behind", "budget.share"),
    ],
)
def test_what_is_wrong_with_an_integration_is_one_finding_with_the_next_step(
    one: IntegrationStatus, level: str, headline: str, step: str
) -> None:
    (found,) = verdict(one)

    assert (found.level, found.headline, found.integrations) == (level, headline, ("campus",))
    assert step in found.next_step


def test_the_error_is_told() -> None:
    (found,) = verdict(DOWN)
    assert "status 503" in found.words


def test_the_worst_comes_first() -> None:
    found = verdict(
        integration(resource(up=None)),
        DOWN,
        health=Health(False, ("campus: the poll of stats is stuck",)),
        ready=Health(False, ("campus: usage was not tried yet",)),
        reload=Reload(0.0, "region: xx is not us or eu"),
    )

    assert [(one.level, one.headline) for one in found] == [
        ("bad", "not healthy"),
        ("bad", "API down"),
        ("warning", "reload failed"),
        ("unknown", "starting"),
    ]
    assert "the poll of stats is stuck" in found[0].words
    assert "region: xx is not us or eu" in found[2].words


def test_the_same_finding_of_fifty_integrations_is_told_once() -> None:
    names = [f"school-{number}" for number in range(50)]
    (found,) = verdict(
        *(integration(resource(up=False), key_state="refused", name=name) for name in names)
    )

    assert found.integrations == tuple(names)


def test_nothing_is_well_while_a_first_poll_goes_on_after_the_start() -> None:
    waiting = (resource(resource="stats", up=None), resource(resource="usage", up=None))
    for one in (integration(*waiting, key_state="unknown"), integration(resource(), *waiting)):
        (found,) = verdict(one)

        assert (found.level, found.headline) == ("unknown", "not all was read yet")
        assert "stats, usage" in found.words
        assert found.integrations == ("campus",)


def test_that_a_first_poll_goes_on_is_no_news_where_nothing_is_read() -> None:
    one = integration(resource(resource="usage", up=False), resource(up=None), key_state="unknown")

    assert [it.headline for it in verdict(one)] == ["API down"]


def test_a_walk_behind_the_others_may_take_long() -> None:
    idle = resource(resource="details", up=None, idle=True)
    (found,) = verdict(integration(resource(), resource(resource="users", up=None), idle))

    assert (found.level, found.headline) == ("good", "all is well")
    assert found.words == "1 resources of 1 integration are read."


def test_the_others_are_of_no_concern_only_where_they_are_read() -> None:
    openapi = resource(resource="openapi", up=False, last_error="connection refused")
    read, unread = integration(openapi, resource()), integration(openapi, resource(up=None))

    assert "the others are not concerned" in verdict(read)[0].next_step
    assert "others" not in verdict(unread)[0].next_step
    assert [it.headline for it in verdict(unread)] == ["openapi not read", "not all was read yet"]


def test_nothing_tried_yet_is_neither_good_nor_bad() -> None:
    ready = Health(False, ("campus: sessions was not tried yet",))
    (found,) = verdict(integration(resource(up=None), key_state="unknown"), ready=ready)

    assert (found.level, found.headline) == ("unknown", "starting")
