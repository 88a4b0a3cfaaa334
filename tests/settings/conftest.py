"""Each test starts with a redactor that knows no secret, so that none garbles another's lines."""

from __future__ import annotations

import pytest

from exporter.redaction import Redactor, redact


@pytest.fixture(autouse=True)
def _fresh_redactor(monkeypatch: pytest.MonkeyPatch) -> None:
    for attribute, value in vars(Redactor()).items():
        monkeypatch.setattr(redact, attribute, value)
