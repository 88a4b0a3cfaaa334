"""What once broke a promise, and what is worth keeping, breaks none; a few new examples besides."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.__main__ import targets
from tests.fuzz.target import Target

TARGETS = targets()


KEPT = [
    pytest.param(target, path.read_bytes(), id=f"{target.name}/{path.name}")
    for target in TARGETS
    for path in target.corpus()
]


@pytest.mark.parametrize(("target", "data"), KEPT)
def test_the_corpus_breaks_no_promise(target: Target, data: bytes) -> None:
    target.check(data)


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_a_few_odd_inputs_break_no_promise(target: Target) -> None:
    @settings(max_examples=5, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.data())
    def examples(data: st.DataObject) -> None:
        target.check(data.draw(target.inputs))

    examples()
