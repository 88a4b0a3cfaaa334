"""How many examples the property tests try: a third of them, or all where EXAMPLES=all says so.

They are new in each run but those of CI, which tries all of them, as `.ci/run` does with the fast
part of the tests. `make soak` and `make fuzz` look at many more.
"""

import os

ALL = os.environ.get("EXAMPLES") == "all"


def examples(number: int) -> int:
    """What `max_examples` is to be where that number are all."""
    return number if ALL else -(-number // 3)
