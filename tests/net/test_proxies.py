"""Proxies and their exceptions, as curl and Go read the variables."""

import pytest

from exporter.net.proxies import UnusableAddressError, read_proxies
from tests.net.no_proxy import CASES, OURS_ALONE, Case

PROXY = "http://proxy.example:3128"
BOTH = {"http_proxy": PROXY, "https_proxy": PROXY}


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.entries} {case.url}")
def test_a_url_is_reached_directly_where_curl_or_go_does_so(case: Case) -> None:
    direct = read_proxies({**BOTH, "no_proxy": case.entries}).for_url(case.url) is None

    assert direct == (bool(case.direct) or (case.entries, case.url) in OURS_ALONE)


@pytest.mark.parametrize(
    ("environ", "url", "proxy"),
    [
        ({}, "https://api.example/", None),
        ({"https_proxy": PROXY}, "https://api.example/", PROXY),
        ({"HTTPS_PROXY": PROXY}, "https://api.example/", PROXY),
        ({"HTTPS_PROXY": "http://other:1", "https_proxy": PROXY}, "https://api.example/", PROXY),
        ({"HTTPS_PROXY": PROXY, "https_proxy": ""}, "https://api.example/", PROXY),
        ({"https_proxy": PROXY}, "http://api.example/", None),
        ({"ALL_PROXY": PROXY}, "http://api.example/", PROXY),
        ({"ALL_PROXY": "http://other:1", "http_proxy": PROXY}, "http://api.example/", PROXY),
        ({"http_proxy": "proxy.example:3128"}, "http://api.example/", PROXY),
        ({"NO_PROXY": "*"}, "http://api.example/", None),
    ],
)
def test_the_variable_for_the_scheme_wins_and_lower_case_before_upper(
    environ: dict[str, str], url: str, proxy: str | None
) -> None:
    assert read_proxies(environ).for_url(url) == proxy


@pytest.mark.parametrize(
    "entry", ["10.0.0.0/99", "[::1", "http://x", "a:99999", "a:b", "fd00::/8/8", "-", "a..:0", "é"]
)
def test_an_odd_entry_is_warned_of_and_the_others_are_honoured(entry: str) -> None:
    proxies = read_proxies({**BOTH, "NO_PROXY": f"one.example,{entry},two.example"})

    assert len(proxies.warnings) == 1
    assert proxies.warnings[0].startswith("NO_PROXY: entry ")
    assert (entry if entry.isascii() else "number 2") in proxies.warnings[0]
    assert proxies.for_url("http://one.example/") is None
    assert proxies.for_url("http://two.example/") is None
    assert proxies.for_url("http://three.example/") == PROXY


def test_an_entry_that_may_hold_a_password_is_named_by_its_place() -> None:
    (warning,) = read_proxies({"no_proxy": "a,http://user:hunter22@host"}).warnings

    assert "number 2" in warning
    assert "hunter22" not in warning


@pytest.mark.parametrize(
    "value",
    [
        "http://hunter22.example:99999",
        "http://hunter22.example:0",
        "foo:hunter22:baz",
        "gopher://hunter22",
        "http://",
        "http://user:hunter22@",
        "socks5://user:hunter22@127.0.0.1:1080",
        "http://hunter22 example",
    ],
)
def test_a_proxy_that_cannot_be_used_is_refused_by_its_variables_name(value: str) -> None:
    proxies = read_proxies({"HTTP_PROXY": value})

    with pytest.raises(UnusableAddressError) as refused:
        proxies.for_url("http://api.example/")

    assert str(refused.value).startswith("HTTP_PROXY: ")
    assert "hunter22" not in str(refused.value)


def test_a_proxy_that_is_not_needed_is_not_judged() -> None:
    proxies = read_proxies({"HTTP_PROXY": "http://bad:99999", "NO_PROXY": "api.example"})

    assert proxies.for_url("http://api.example/") is None
    assert proxies.for_url("http://localhost:8080/") is None
    assert proxies.for_url("https://other.example/") is None


def test_passwords_of_proxies_are_secrets_and_not_in_the_repr() -> None:
    proxies = read_proxies({"HTTP_PROXY": "http://user:hunter%2022@proxy.example:3128"})

    assert set(proxies.secrets) == {"hunter%2022", "hunter 22"}
    assert "hunter" not in repr(proxies)
