"""Where PostgreSQL's driver is not installed, whoever needs it says so and how to get it."""

import sys
from collections.abc import Iterator

import pytest

from exporter.commands.check.local import state
from exporter.ledger.database import Database
from exporter.ledger.engines import make_engine
from exporter.settings.errors import SettingsError
from exporter.settings.model import Settings, StateSettings
from exporter.withheld import withheld

URL = "postgresql://user:secret-of-theirs@host/db"
REMEDY = "pip install 'isnotai-exporter[postgres]'"


@pytest.fixture(autouse=True)
def without_driver(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delitem(sys.modules, "exporter.ledger.postgres", raising=False)
    with withheld("psycopg"):
        yield


def test_the_daemon_refuses_the_setting() -> None:
    with pytest.raises(SettingsError) as refused:
        make_engine(Database("isnotai", URL), lambda: 0.0)

    assert REMEDY in str(refused.value)


def test_check_says_so_and_goes_on() -> None:
    settings = Settings(state=StateSettings.model_validate({"url": URL}))

    (finding,) = state(settings)

    assert REMEDY in finding.text
    assert "of-theirs" not in finding.text
