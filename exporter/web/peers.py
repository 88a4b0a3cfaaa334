"""What counts as one client where clients are bounded."""

from ipaddress import IPv6Address, IPv6Network, ip_address


def peer_of(host: str | None) -> str:
    """One name for all that one client can easily call itself.

    An IPv4 address stands for itself, also where a socket for both families shows it as IPv6; an
    IPv6 address for its /64 network, all of which one machine may use. Anything else is "".
    """
    try:
        address = ip_address((host or "").partition("%")[0])
    except ValueError:
        return ""
    if not isinstance(address, IPv6Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(IPv6Network((address, 64), strict=False))
