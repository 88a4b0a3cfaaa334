"""The HTTP session of the OTLP push: requests, without what it takes from its surroundings.

No .netrc, no proxy variables and no certificate bundle of its own; it goes through the proxy and
trusts the certificates that it is given. It says in our words why a request failed.
"""

from typing import Any

import requests
from requests.adapters import HTTPAdapter

from exporter.net.failures import Peer, answered, describe, timed_out
from exporter.net.trust import Trust


class ExplicitSession(requests.Session):
    """A session to one endpoint.

    failure: why the last request failed; None where it did not.
    seconds: what one export is given, retries included.
    """

    def __init__(self, peer: Peer, proxy: str | None, trust: Trust, seconds: float) -> None:
        super().__init__()
        self.trust_env = False
        self.failure: str | None = None
        self._peer = peer
        self._seconds = seconds
        if proxy is not None:
            self.proxies = {"http": proxy, "https": proxy}
        self.mount("https://", _Adapter(trust))
        self.mount("http://", _Adapter(trust))

    def request(self, *args: Any, **options: Any) -> requests.Response:
        """As requests', noting why it failed. Raises requests.RequestException."""
        try:
            response = super().request(*args, **options)
        except requests.ConnectTimeout:
            self.failure = timed_out(self._seconds, "connecting")
            raise
        except requests.Timeout:
            self.failure = timed_out(self._seconds, "waiting")
            raise
        except requests.HTTPError as error:
            self.failure = str(error)
            raise
        except (requests.RequestException, OSError) as error:
            self.failure = describe(error, self._peer)
            raise
        ok = response.status_code < 400
        self.failure = None if ok else answered(self._peer, response.status_code)
        return response


class _Adapter(HTTPAdapter):
    """Connects with one TLS context, to which nothing is added."""

    def __init__(self, trust: Trust) -> None:
        self._context = trust.context
        super().__init__()

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, ssl_context=self._context, **options)

    def proxy_manager_for(self, proxy: str, **options: Any) -> Any:
        context = self._context if proxy.startswith("https:") else None
        return super().proxy_manager_for(
            proxy, ssl_context=self._context, proxy_ssl_context=context, **options
        )

    def build_connection_pool_key_attributes(
        self, request: requests.PreparedRequest, verify: Any, cert: Any = None
    ) -> Any:
        return super().build_connection_pool_key_attributes(request, True, None)

    def cert_verify(self, conn: Any, url: Any, verify: Any, cert: Any) -> None:
        """Add no bundle: the context knows what is trusted, and verifies always."""
        conn.cert_reqs = "CERT_REQUIRED"
