"""How many files may be open at once, connections included.

The soft limit is often 1,024, for programs that use select(2); the hard one far higher. Whoever
serves many integrations needs more, so the daemon raises the soft one, as Go's runtime does.
"""

import resource

RESERVED = 256
"""For everything but connections to peers: those of scrapers, the state, keys, certificates."""

FEWEST = 16


def raise_limit() -> None:
    """Allow as many open files as the system lets this process have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def for_peers() -> int:
    """How many connections to peers may be open at once."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        soft = 1 << 20
    return max(FEWEST, soft - RESERVED)
