"""Where the state lies in PostgreSQL: what may be said of it, and what never is."""

import pytest

from exporter.ledger.database import Database, place_of
from exporter.settings.effective import effective
from exporter.settings.errors import SettingsError
from exporter.settings.load import load

KEY = {"ISNOTAI_API_KEY": "aik_v1_" + "k" * 40}
URL = "postgresql://exporter:p%40ssword-of-theirs@db.example.org:5432/metrics?sslmode=require"


def variables(**state: str) -> dict[str, str]:
    return {**KEY, **{f"ISNOTAI_STATE_{name.upper()}": it for name, it in state.items()}}


def test_a_url_and_a_schema_name_a_place() -> None:
    loaded = load([], variables(url=f" {URL}\n", schema="team_a"))

    place = place_of(loaded.settings.state)
    assert place == Database("team_a", URL)
    assert loaded.warnings == ()


def test_the_password_is_in_no_output() -> None:
    loaded = load([], variables(url=URL))
    shown = [one for one in effective(loaded.settings, loaded.origins) if "url" in one.name]
    place = place_of(loaded.settings.state)
    assert isinstance(place, Database)
    place.read()
    said = f"{loaded} {shown} {place} {place!r} {loaded.settings!r}"

    assert "ssword-of-theirs" not in said
    assert ("state.url", "[redacted]") in [(one.name, one.value) for one in shown]


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ({"url": "mysql://user:secret-of-theirs@host/db"}, "ISNOTAI_STATE_URL: must be a URL"),
        ({"url": "host=db password=secret-of-theirs"}, "ISNOTAI_STATE_URL: must be a URL"),
        ({"url": "postgresql://a:secret?of-theirs@h/d"}, "write %40 for @"),
        ({"url": URL, "path": "/state.db"}, "contradict each other"),
        ({"url": URL, "url_file": "/url"}, "contradict each other"),
        ({"path": "/state.db", "url_file": "/url"}, "contradict each other"),
        ({"url": URL, "schema": "Robert'; DROP"}, "ISNOTAI_STATE_SCHEMA: must be a name"),
        ({"url": URL, "schema": "pg_own"}, "ISNOTAI_STATE_SCHEMA: must be a name"),
    ],
)
def test_what_cannot_be_used_is_said_without_its_secret(state: dict[str, str], said: str) -> None:
    with pytest.raises(SettingsError) as refused:
        load([], variables(**state))

    assert said in str(refused.value)
    assert "of-theirs" not in str(refused.value)


def test_there_is_no_flag_for_it_and_the_number_of_replicas_means_nothing() -> None:
    with pytest.raises(SettingsError):
        load([f"--state.url={URL}"], KEY)

    (warning,) = load([], {**variables(url=URL), "ISNOTAI_BUDGET_REPLICAS": "3"}).warnings
    assert "is ignored" in warning.message
