"""Which proxy leads to a URL, by the variables that curl and Go read.

`http_proxy`, `https_proxy`, `all_proxy` and `no_proxy`, in lower case or upper case, of which the
lower wins; an empty one is unset. Entries of `no_proxy` follow Go's httpproxy and curl, and where
those two differ the more generous one: names with their subdomains, `.suffix` and `*.suffix`,
addresses, networks in CIDR form, each with a port if one is wanted, and `*`. Loopback is always
reached directly, as Go does. Pure: it opens no connection, and no text here holds a password.
Sources: golang.org/x/net/http/httpproxy; curl's lib/noproxy.c.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final
from urllib.parse import SplitResult, unquote, urlsplit

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_NAME: Final = re.compile(r"[a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?")
_SHOWABLE: Final = re.compile(r"[A-Za-z0-9._:/\[\]*%-]{1,80}")


class UnusableAddressError(Exception):
    """An address that is needed cannot be used. The text names its variable, never its value."""


@dataclass(frozen=True, slots=True)
class _Exception:
    """One entry of no_proxy: what it matches, on one port or on all."""

    port: int | None = None
    network: Network | None = None
    name: str | None = None
    """A domain; subdomains match too. The empty one matches everything."""

    only_subdomains: bool = False

    def matches(self, host: str, address: Address | None, port: int) -> bool:
        if self.port is not None and self.port != port:
            return False
        if self.name == "":
            return True
        if address is not None or self.network is not None:
            return address is not None and self.network is not None and address in self.network
        below = host.endswith(f".{self.name}")
        return below or (host == self.name and not self.only_subdomains)


@dataclass(frozen=True, slots=True)
class Proxies:
    """What the variables say. warnings: a line for each entry of no_proxy that is ignored."""

    variables: Mapping[str, tuple[str, str]] = field(default_factory=dict, repr=False)
    """By scheme or `all`: the variable's name as it is set, and its value."""

    exceptions: tuple[_Exception, ...] = ()
    warnings: tuple[str, ...] = ()

    def for_url(self, url: str) -> str | None:
        """The URL of the proxy on the way to an http or https `url`; None: connect directly.

        Raises UnusableAddressError where there is one that cannot be used.
        """
        parts = urlsplit(url)
        variable = self.variables.get(parts.scheme) or self.variables.get("all")
        if variable is None or self._direct(parts):
            return None
        name, value = variable
        proxy = value if "://" in value else f"http://{value}"
        problem = _problem(proxy)
        if problem is not None:
            raise UnusableAddressError(f"{name}: {problem}")
        return proxy

    @property
    def secrets(self) -> tuple[str, ...]:
        """The passwords of the proxies, as written and decoded."""
        found: set[str] = set()
        for _, value in self.variables.values():
            credentials = value.rpartition("@")[0].rpartition("//")[2]
            if credentials:
                password = credentials.partition(":")[2] or credentials
                found |= {password, unquote(password)}
        return tuple(sorted(found))

    def _direct(self, url: SplitResult) -> bool:
        host = (url.hostname or "").rstrip(".")
        address = _address(host)
        if host == "localhost" or host.endswith(".localhost"):
            return True
        if address is not None and address.is_loopback:
            return True
        port = url.port or DEFAULT_PORTS.get(url.scheme, 0)
        return any(entry.matches(host, address, port) for entry in self.exceptions)


def read_proxies(environ: Mapping[str, str]) -> Proxies:
    """The proxies of an environment. Never raises: what is odd is told when it matters."""
    variables: dict[str, tuple[str, str]] = {}
    for scheme in ("http", "https", "all"):
        found = _variable(environ, f"{scheme}_proxy")
        if found is not None:
            variables[scheme] = found
    exceptions: list[_Exception] = []
    warnings: list[str] = []
    name, value = _variable(environ, "no_proxy") or ("", "")
    for place, entry in enumerate(re.findall(r"[^,\s]+", value), start=1):
        try:
            exceptions.append(_exception(entry.lower()))
        except ValueError:
            shown = repr(entry) if _SHOWABLE.fullmatch(entry) else f"number {place}"
            warnings.append(
                f"{name}: entry {shown} is not a host name, an address or a network; it is ignored"
            )
    return Proxies(variables, tuple(exceptions), tuple(warnings))


def _variable(environ: Mapping[str, str], name: str) -> tuple[str, str] | None:
    for spelling in (name, name.upper()):
        if value := environ.get(spelling, "").strip():
            return spelling, value
    return None


def _exception(entry: str) -> _Exception:
    """The entry as written in lower case. Raises ValueError where it cannot be understood."""
    if entry == "*":
        return _Exception(name="")
    if "/" in entry:
        base, _, length = entry.partition("/")
        if not re.fullmatch(r"[0-9]{1,3}", length):
            raise ValueError("no network")
        return _Exception(network=ip_network(f"{base.strip('[]')}/{length}", strict=False))
    if address := _address(entry):
        return _Exception(network=ip_network(address))
    host, port = _split_port(entry)
    if address := _address(host.strip("[]")):
        return _Exception(port, network=ip_network(address))
    only_subdomains = host.startswith("*.")
    name = host.removeprefix("*").removeprefix(".").rstrip(".")
    if not _NAME.fullmatch(name):
        raise ValueError("no name")
    return _Exception(port, name=name, only_subdomains=only_subdomains)


def _split_port(entry: str) -> tuple[str, int | None]:
    host, colon, digits = entry.rpartition(":")
    if (entry.startswith("[") and entry.endswith("]")) or not colon:
        return entry, None
    if not re.fullmatch(r"[0-9]{1,5}", digits) or not 0 < int(digits) <= 65535:
        raise ValueError("no port")
    return host, int(digits)


def _address(host: str) -> Address | None:
    """The address that a host is, if it is one; an IPv4 address in IPv6 clothes as IPv4."""
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def _problem(proxy: str) -> str | None:
    """Why that is not a proxy to connect through; None where it is one."""
    wrong = "must be the address of an HTTP proxy, such as http://proxy.example:3128"
    try:
        parts = urlsplit(proxy)
        port = parts.port
    except ValueError:
        return wrong
    if parts.scheme in ("socks5", "socks5h") and find_spec("socksio") is None:
        return "a SOCKS proxy needs the package socksio, which is not installed"
    if parts.scheme not in ("http", "https", "socks5", "socks5h") or not parts.hostname:
        return wrong
    if port == 0 or not re.fullmatch(r"[!-~]+", proxy):
        return wrong
    return None
