"""Listening sockets, bound before anything else starts.

Binding first means that a port that is taken stops the start with one clear line.
"""

import errno
import socket


class AddressError(Exception):
    """The address cannot be bound. Its text is one line that names the address."""


def bind(host: str | None, port: int, backlog: int = 128) -> list[socket.socket]:
    """Listening sockets on `host`, on every address that its name has.

    None is all interfaces: one socket for IPv6 and IPv4 where the machine has both. With port 0
    the system chooses one, the same for all sockets. Raises AddressError where none can be bound;
    an address family that the machine lacks is left out.
    """
    sockets: list[socket.socket] = []
    try:
        for family, address in _addresses(host, port):
            # With port 0, what the first socket got is what the others shall have.
            wanted = sockets[0].getsockname()[1] if sockets else port
            try:
                sockets.append(_listen(family, address, wanted, backlog, dual=host is None))
            except OSError as error:
                if error.errno not in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
                    raise
            if host is None and sockets:
                break
    except (OSError, UnicodeError) as error:
        for bound in sockets:
            bound.close()
        # A UnicodeError is Python's word for a host such as `a..b`.
        why = error.strerror if isinstance(error, OSError) else "not a host name"
        raise AddressError(f"cannot listen on {host or ''}:{port}: {why}") from error
    if not sockets:
        raise AddressError(f"cannot listen on {host or ''}:{port}: no such address here")
    return sockets


def _addresses(host: str | None, port: int) -> list[tuple[int, str]]:
    """Family and numeric address of each place to listen, without doubles."""
    if host is None:
        both = [(int(socket.AF_INET6), "::")] if socket.has_dualstack_ipv6() else []
        return [*both, (int(socket.AF_INET), "0.0.0.0")]  # noqa: S104 - as was asked for
    found = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP, flags=socket.AI_PASSIVE
    )
    return list(dict.fromkeys((int(family), str(address[0])) for family, *_, address in found))


def _listen(family: int, address: str, port: int, backlog: int, *, dual: bool) -> socket.socket:
    # asyncio turns Nagle's algorithm off only where the protocol is named; with it on, a client
    # that acknowledges late would wait 40 ms for the second packet of each answer.
    bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0 if dual else 1)
        bound.bind((address, port))
        bound.listen(backlog)
        bound.setblocking(False)
    except OSError:
        bound.close()
        raise
    return bound
