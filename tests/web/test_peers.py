"""What counts as one client."""

import pytest

from exporter.web.peers import peer_of


@pytest.mark.parametrize(
    ("host", "peer"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::9", "2001:db8:1:3::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("/run/exporter.sock", ""),
        ("", ""),
        (None, ""),
    ],
)
def test_a_client_is_an_address_or_a_network_that_one_machine_has(
    host: str | None, peer: str
) -> None:
    assert peer_of(host) == peer
