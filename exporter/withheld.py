"""Keeps a package from being imported by others that would use it wherever it is installed."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def withheld(package: str) -> Iterator[None]:
    """Within the block, importing the package fails as if it were not installed."""
    known = sys.modules.get(package)
    sys.modules[package] = None  # type: ignore[assignment]  # None: it cannot be imported
    try:
        yield
    finally:
        if known is None:
            del sys.modules[package]
        else:
            sys.modules[package] = known
