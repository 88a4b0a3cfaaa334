"""What follows from the entries of the resources."""

from exporter.collect import registry
from exporter.settings.load import load
from exporter.settings.model import Settings


def settings(**variables: str) -> Settings:
    return load([], {"ISNOTAI_API_KEY": "aik_v1_" + "x" * 40, **variables}).settings


def test_a_resource_goes_stale_after_five_of_its_own_intervals() -> None:
    usual, stated = settings(), settings(ISNOTAI_POLL_STALE_AFTER="2h")

    assert registry.stale_after(usual, "sessions") == 300
    assert registry.stale_after(usual, "usage") == 4500
    assert registry.stale_after(stated, "usage") == 7200


def test_what_is_off_is_not_polled() -> None:
    names = registry.polled_names(settings(ISNOTAI_POLL_USAGE_INTERVAL="0"))

    assert "sessions" in names
    assert "usage" not in names
    assert "courses" not in names
