"""Real curl judges which proxy exceptions count: where it connects directly, so do we."""

import shutil
import subprocess

import pytest

from exporter.net.proxies import read_proxies
from tests.net.no_proxy import CASES, OURS_ALONE, Case

pytestmark = pytest.mark.tools

PROXY = "http://127.0.0.9:1"


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.entries} {case.url}")
def test_no_url_that_curl_reaches_directly_goes_through_the_proxy(case: Case) -> None:
    curl = shutil.which("curl")
    assert curl is not None, "curl is not installed: apt-get install curl"
    variables = {"http_proxy": PROXY, "https_proxy": PROXY, "no_proxy": case.entries}
    # Bound to loopback, a direct connection fails at once; -v tells where it led.
    told = subprocess.run(
        [curl, "-sv", "--interface", "127.0.0.1", "--max-time", "2", case.url],
        capture_output=True,
        text=True,
        env=variables,
        timeout=30,
        check=False,
    ).stderr
    curl_is_direct = "127.0.0.9" not in told

    we_are_direct = read_proxies(variables).for_url(case.url) is None

    assert we_are_direct or not curl_is_direct
    go_is_direct = "go" in case.direct.split()
    if we_are_direct and not curl_is_direct:
        assert go_is_direct or (case.entries, case.url) in OURS_ALONE
