from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from exporter.settings import Settings, load
from exporter.settings.model import PollSettings, Section, WebSettings
from exporter.settings.values import looks_like_key

KEY = "aik_v1_" + "x" * 40


def test_one_key_makes_one_account_on_its_regions_stack() -> None:
    for region, url in (("us", "https://api.isnotai.com"), ("eu", "https://api-eu.isnotai.com")):
        settings = load([f"--region={region}"], {"ISNOTAI_API_KEY": KEY}).settings
        (account,) = settings.accounts()

        assert account.integration == "default"
        assert account.base_url == url
        assert account.region == region
        assert account.key.api_key == SecretStr(KEY)
        assert account.key.api_key_file is None


def test_a_base_url_leaves_the_region_a_label() -> None:
    environ = {"ISNOTAI_API_KEY": KEY, "ISNOTAI_BASE_URL": "http://localhost:9/proxy/"}
    (account,) = load(["--region=eu"], environ).settings.accounts()

    assert (account.base_url, account.region) == ("http://localhost:9/proxy", "eu")


def test_each_entry_is_an_account_that_falls_back_on_the_top_level(tmp_path: Path) -> None:
    file = tmp_path / "config.yml"
    file.write_text(
        "region: eu\n"
        "integrations:\n"
        "  - {name: a, api_key_file: keys/a}\n"
        "  - {name: b, api_key_env: TEAM_B, region: us}\n"
        "  - {name: c, api_key_file: keys/c, base_url: 'http://localhost:9'}\n"
    )

    accounts = load(["--config.file", str(file)], {"TEAM_B": KEY}).settings.accounts()

    assert [(one.integration, one.region, one.base_url) for one in accounts] == [
        ("a", "eu", "https://api-eu.isnotai.com"),
        ("b", "us", "https://api.isnotai.com"),
        ("c", "eu", "http://localhost:9"),
    ]
    assert [one.key.api_key_file for one in accounts] == [Path("keys/a"), None, Path("keys/c")]
    assert accounts[1].key.api_key == SecretStr(KEY)


def test_a_resource_has_an_interval_of_its_own() -> None:
    poll = PollSettings()

    assert poll.interval("sessions") == 60
    with pytest.raises(AttributeError):
        poll.interval("nothing")


@pytest.mark.parametrize(
    ("address", "host", "port"),
    [
        (":10984", "", 10984),
        ("127.0.0.1:0", "127.0.0.1", 0),
        ("localhost:65535", "localhost", 65535),
        ("[::1]:9", "::1", 9),
    ],
)
def test_a_listen_address_has_a_host_and_a_port(address: str, host: str, port: int) -> None:
    web = WebSettings(listen_address=address)

    assert (web.host, web.port) == (host, port)


@pytest.mark.parametrize("address", ["", "10984", ":", ":65536", ":x", "a b:9", "::1:9", ":-1"])
def test_other_listen_addresses_are_refused(address: str) -> None:
    with pytest.raises(ValidationError):
        WebSettings(listen_address=address)


def test_settings_cannot_be_changed_and_do_not_show_the_key() -> None:
    settings = Settings(api_key=SecretStr(KEY))

    with pytest.raises(ValidationError):
        settings.region = "eu"
    assert KEY not in repr(settings)
    assert KEY not in repr(settings.accounts())


def test_intervals_of_zero_switch_off_and_one_second_is_the_shortest() -> None:
    assert PollSettings(stats_interval=0).stats_interval == 0
    assert PollSettings(stats_interval=1).stats_interval == 1
    for seconds in (0.5, -1, float("inf"), float("nan")):
        with pytest.raises(ValidationError):
            PollSettings(stats_interval=seconds)


def test_a_key_is_known_by_its_form() -> None:
    assert looks_like_key(KEY)
    assert looks_like_key("aik_v1_" + "aZ09_-" * 6 + "abcd")
    for other in (KEY + "x", KEY[:-1], KEY + "\n", "x" + KEY, "aik_v2_" + "x" * 40):
        assert not looks_like_key(other)


def test_settings_made_by_code_take_nothing_from_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ISNOTAI_REGION", "eu")
    monkeypatch.setenv("ISNOTAI_API_KEY_FILE", "key")

    load([], {"ISNOTAI_API_KEY": KEY, "ISNOTAI_REGION": "eu"})

    assert Settings().region == "us"
    assert Settings().api_key_file is None
    assert Settings(region="eu") == Settings.model_validate({"region": "eu"})


def test_no_section_is_named_so_that_it_swallows_a_variable() -> None:
    fields = Settings.model_fields
    sections = [name for name, field in fields.items() if isinstance(field.default, Section)]

    assert len(sections) == 12
    assert not [name for name in fields for section in sections if name.startswith(section + "_")]
