"""What binding promises: a taken port or an odd host is one clear line."""

import re
import socket

import pytest

from exporter.web.address import AddressError, bind


def close(sockets: list[socket.socket]) -> None:
    for bound in sockets:
        bound.close()


def reaches(family: socket.AddressFamily, address: str, port: int) -> bool:
    with socket.socket(family, socket.SOCK_STREAM) as client:
        client.settimeout(5)
        try:
            client.connect((address, port))
        except OSError:
            return False
        return True


def test_no_host_listens_on_ipv4_and_where_there_is_one_on_ipv6() -> None:
    sockets = bind(None, 0)
    try:
        assert len(sockets) == 1
        port = sockets[0].getsockname()[1]
        assert reaches(socket.AF_INET, "127.0.0.1", port)
        if socket.has_dualstack_ipv6():
            assert reaches(socket.AF_INET6, "::1", port)
    finally:
        close(sockets)


def test_a_host_listens_on_that_address_only() -> None:
    sockets = bind("127.0.0.1", 0)
    try:
        port = sockets[0].getsockname()[1]
        assert reaches(socket.AF_INET, "127.0.0.1", port)
        assert not reaches(socket.AF_INET, "127.0.0.2", port)
    finally:
        close(sockets)


def test_a_name_listens_on_all_its_addresses_at_one_port(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def two_addresses(*_: object, **__: object) -> list[tuple[object, ...]]:
        return [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 0))
            for address in ("127.0.0.1", "127.0.0.2", "127.0.0.1")
        ]

    monkeypatch.setattr(socket, "getaddrinfo", two_addresses)
    sockets = bind("both.example", 0)
    try:
        places = [bound.getsockname() for bound in sockets]
        assert [address for address, _ in places] == ["127.0.0.1", "127.0.0.2"]
        assert len({port for _, port in places}) == 1
    finally:
        close(sockets)


def test_a_port_that_is_taken_is_one_line_that_names_it() -> None:
    first = bind("127.0.0.1", 0)
    port = first[0].getsockname()[1]
    try:
        with pytest.raises(AddressError) as refused:
            bind("127.0.0.1", port)
        assert str(refused.value) == f"cannot listen on 127.0.0.1:{port}: Address already in use"
    finally:
        close(first)


def test_a_port_is_free_again_at_once_after_closing() -> None:
    first = bind("127.0.0.1", 0)
    port = first[0].getsockname()[1]
    with socket.create_connection(("127.0.0.1", port), timeout=5):
        accepted = None
        first[0].setblocking(True)
        accepted, _ = first[0].accept()
        accepted.close()  # leaves TIME_WAIT on our side
        close(first)
    close(bind("127.0.0.1", port))


def test_an_address_that_this_machine_lacks_is_named() -> None:
    with pytest.raises(AddressError, match=r"cannot listen on 192\.0\.2\.1:10984: no such addr"):
        bind("192.0.2.1", 10984)


def test_a_name_that_nobody_knows_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(AddressError, match=r"nobody\.invalid:10984: Name or service not known"):
        bind("nobody.invalid", 10984)


@pytest.mark.parametrize("host", ["a..b", "." * 3, "x" * 64])
def test_a_host_that_cannot_be_a_name_is_one_line(host: str) -> None:
    with pytest.raises(AddressError, match=rf"cannot listen on {re.escape(host)}:10984: "):
        bind(host, 10984)
