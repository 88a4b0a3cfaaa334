"""What lives long is left alone by the garbage collector, and yet not kept for ever."""

import gc
import weakref
from collections.abc import Iterator

import pytest

from exporter.longlived import set_apart


class Circle:
    """Refers to itself, so that only the garbage collector can free it."""

    def __init__(self) -> None:
        self.itself = self


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    yield
    gc.unfreeze()


def test_what_was_set_apart_is_looked_at_again_only_when_much_of_it_has_ended() -> None:
    circle = Circle()
    watched = weakref.ref(circle)
    set_apart()
    del circle

    gc.collect()
    assert watched() is not None
    set_apart(anew=True)
    assert watched() is None


def test_what_is_made_later_is_freed_as_ever() -> None:
    set_apart()
    watched = weakref.ref(Circle())

    gc.collect()

    assert watched() is None
