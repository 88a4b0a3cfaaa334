"""What lives long is left alone by the garbage collector, and yet not kept for ever."""

import atexit
import gc
import weakref
from collections.abc import Iterator

import pytest

from exporter.cli import main
from exporter.longlived import begin, begun, set_apart


class Circle:
    """Refers to itself, so that only the garbage collector can free it."""

    def __init__(self) -> None:
        self.itself = self


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    yield
    gc.enable()
    gc.unfreeze()
    atexit.unregister(gc.freeze)


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


def test_a_command_begins_with_passes_and_without_what_was_imported_for_it() -> None:
    begin()
    assert not gc.isenabled()
    apart = gc.get_freeze_count()

    assert main(["metrics"], {}) == 0

    assert gc.isenabled()
    assert gc.get_freeze_count() > apart


def test_a_command_within_a_longer_process_sets_nothing_apart() -> None:
    apart = gc.get_freeze_count()

    begun()

    assert gc.get_freeze_count() == apart
