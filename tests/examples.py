"""How many examples tests try that have very many: a third, or all where EXAMPLES=all says so.

CI tries all, and `.ci/run` does in the fast part of the tests. Of property tests they are new in
each run, but on CI; `make soak` and `make fuzz` look at many more.
"""

import os
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")

ALL = os.environ.get("EXAMPLES") == "all"


def examples(number: int) -> int:
    """What `max_examples` is to be where that number are all."""
    return number if ALL else -(-number // 3)


def some(items: Sequence[T], turn: int) -> Sequence[T]:
    """A third of the items, other ones at the next two turns; or all of them."""
    return items if ALL else items[turn % 3 :: 3]
