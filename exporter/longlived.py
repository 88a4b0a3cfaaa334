"""What lives as long as the process: the garbage collector is told not to look at it.

A whole pass looks at every object that could be part of a cycle, and holds up all else meanwhile:
60 ms for what was imported alone, and 0.2 s with a thousand integrations. What is set apart is
freed as ever once nobody refers to it; only cycles among it are not found, until it is done again.
"""

import atexit
import gc


def begin() -> None:
    """No pass until `set_apart` or `begun`, while modules are imported, and none at the end.

    Python makes one more as a process ends. Both are a quarter of the time of a short command.
    """
    gc.disable()
    atexit.register(gc.freeze)


def begun() -> None:
    """What was imported is set apart, and passes are made again, where `begin` ended them."""
    if not gc.isenabled():
        set_apart()


def set_apart(*, anew: bool = False) -> None:
    """Leave all that is there now out of the passes to come.

    anew: much of what was set apart may be garbage by now, and is looked for first, in one pass.
    """
    if anew:
        gc.unfreeze()
        gc.collect()
    gc.freeze()
    gc.enable()
