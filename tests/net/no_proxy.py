"""What no_proxy means: entries, a URL, and which of curl and Go then connects directly.

Noted from Go's golang.org/x/net/http/httpproxy 0.62 and curl 7.88.1. The two disagree on ports,
IPv6 networks, loopback, a leading or trailing dot and spaces; we connect directly where either
does.
"""

from typing import NamedTuple


class Case(NamedTuple):
    """direct: `go`, `curl`, both or neither."""

    entries: str
    url: str
    direct: str


CASES = (
    Case("10.0.0.0/8", "http://10.1.2.3/", "go curl"),
    Case("10.0.0.0/8", "http://11.1.2.3/", ""),
    Case("10.0.0.5/8", "http://10.1.2.3/", "go curl"),
    Case("fd00::/8", "http://[fd12::1]/", "go"),
    Case("fd00::/8", "http://[fe12::1]/", ""),
    Case("192.168.0.0/16,10.0.0.0/8", "https://10.1.2.3/", "go curl"),
    Case("10.1.2.3", "http://10.1.2.3/", "go curl"),
    Case("10.1.2.3", "http://10.1.2.30/", ""),
    Case("10.1.2.3", "http://110.1.2.3/", ""),
    Case("fd12::1", "http://[fd12::1]/", "go curl"),
    Case("[fd12::1]", "http://[fd12::1]/", ""),
    Case("[fd12::1]:8080", "http://[fd12::1]:8080/", "go"),
    Case("[fd12::1]:8080", "http://[fd12::1]/", ""),
    Case("fd12:0:0::1", "http://[fd12::1]/", "go"),
    Case("example.com", "http://example.com/", "go curl"),
    Case("example.com", "http://www.example.com/", "go curl"),
    Case("example.com", "http://notexample.com/", ""),
    Case("example.com", "http://example.com.evil/", ""),
    Case(".example.com", "http://www.example.com/", "go curl"),
    Case(".example.com", "http://example.com/", "curl"),
    Case("*.example.com", "http://www.example.com/", "go"),
    Case("*.example.com", "http://example.com/", ""),
    Case("EXAMPLE.com", "http://Example.COM/", "go curl"),
    Case("example.com.", "http://example.com/", "curl"),
    Case("example.com", "http://example.com./", "curl"),
    Case("example.com:8080", "http://example.com:8080/", "go"),
    Case("example.com:8080", "http://example.com/", ""),
    Case("example.com:443", "https://example.com/", "go"),
    Case("*", "http://example.com/", "go curl"),
    Case("*", "http://10.1.2.3/", "go curl"),
    Case("foo,*", "http://example.com/", "go"),
    Case(" foo , example.com ", "http://example.com/", "go curl"),
    Case("foo example.com", "http://example.com/", "curl"),
    Case("foo,,example.com,", "http://example.com/", "go curl"),
    Case("10.0.0.0/99", "http://10.1.2.3/", ""),
    Case("10.0.0.0/99,example.com", "http://example.com/", "go curl"),
    Case("0.0.0.0/0", "http://10.1.2.3/", "go"),
    Case("::/0", "http://[fd12::1]/", "go"),
    Case("0.0.0.0/0", "http://example.com/", ""),
    Case("foo", "http://127.0.0.1/", "go"),
    Case("foo", "http://127.9.9.9/", "go"),
    Case("foo", "http://[::1]/", "go"),
    Case("foo", "http://localhost/", "go"),
    Case("foo", "http://app.localhost/", ""),
    Case("foo", "http://localhost.example/", ""),
    Case("::ffff:10.1.2.3", "http://10.1.2.3/", "go"),
    Case("10.1.2.3:80", "http://10.1.2.3/", "go"),
    Case("10.1.2.3:81", "http://10.1.2.3/", ""),
    Case("1.2.3", "http://10.1.2.3/", ""),
    Case("http://example.com", "http://example.com/", ""),
    Case("example", "http://my.example/", "go curl"),
    Case("svc.cluster.local", "http://prometheus.monitoring.svc.cluster.local:9090/", "go curl"),
)
OURS_ALONE = {("[fd12::1]", "http://[fd12::1]/"), ("foo", "http://app.localhost/")}
"""Where only we do: brackets as in a URL, and names below localhost (RFC 6761, 6.3)."""
