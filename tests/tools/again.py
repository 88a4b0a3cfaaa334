"""Tests of other packages, run once more with the fixtures of the module that takes them."""

from collections.abc import Collection, Iterable
from types import ModuleType
from typing import Any


def taken_from(modules: Iterable[ModuleType], but: Collection[str] = ()) -> dict[str, Any]:
    """The modules' tests by name, for a module's globals, less those that are named."""
    named = [(name, it) for module in modules for name, it in vars(module).items()]
    # A test module's name begins so, too, where another imports it.
    found = [(name, it) for name, it in named if name.startswith("test_") and callable(it)]
    assert len(found) == len(dict(found))
    assert dict(found).keys() >= set(but)
    return {name: it for name, it in found if name not in but}
