import json
from typing import Any

import pytest

from exporter.simulator.faults import Faults, parse_assignments


def test_by_default_nothing_goes_wrong() -> None:
    healthy = Faults()
    assert not any(
        getattr(healthy, name)
        for name in ("status_429", "status_5xx", "hang", "garbage", "down", "clock_skew", "trickle")
    )


def test_words_become_values_of_the_right_type() -> None:
    faults = parse_assignments(
        [
            *("status_429=0.25", "retry_after=date", "edge_429=true", "down=503"),
            *("only=/v1/sessions,/health", "status_5xx_codes=500,503"),
            *("garbage_kinds=html", "oversized_bytes=10"),
        ]
    )
    assert faults == Faults(
        status_429=0.25,
        retry_after="date",
        edge_429=True,
        only=("/v1/sessions", "/health"),
        status_5xx_codes=(500, 503),
        garbage_kinds=("html",),
        down="503",
        oversized_bytes=10,
    )


def test_a_switch_may_stand_for_always() -> None:
    assert Faults().changed({"hang": True}).hang == 1.0
    assert Faults(hang=1.0).changed({"hang": False}).hang == 0.0


def test_faults_survive_json() -> None:
    faults = Faults(status_5xx=0.5, only=("/v1",), clock_skew=-90)
    assert Faults().changed(json.loads(json.dumps(faults.as_json()))) == faults


def test_what_is_not_named_stays() -> None:
    assert Faults(hang=0.5).changed({"slow": 1}) == Faults(hang=0.5, slow=1.0)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("status_429", 1.5),
        ("status_429", "often"),
        ("retry_after", "later"),
        ("retry_after", 5),
        ("down", "maybe"),
        ("edge_429", 1),
        ("slow_seconds", -1),
        ("garbage_kinds", ["poetry"]),
        ("garbage_kinds", []),
        ("status_5xx_codes", [404]),
        ("status_5xx_codes", ["500"]),
        ("oversized_bytes", True),
        ("gremlins", 1),
        ("changed", 1),
    ],
)
def test_a_bad_fault_is_refused_by_name(name: str, value: Any) -> None:
    with pytest.raises(ValueError, match=name):
        Faults().changed({name: value})


def test_a_word_without_a_value_is_refused() -> None:
    with pytest.raises(ValueError, match="name=value"):
        parse_assignments(["hang"])


def test_paths_can_be_spared() -> None:
    assert Faults().hits("/health")
    assert Faults(only=("/v1/sessions",)).hits("/v1/sessions/abc")
    assert not Faults(only=("/v1/sessions",)).hits("/v1/stats")
