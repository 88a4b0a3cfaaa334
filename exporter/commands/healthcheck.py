"""Asks a running exporter for its health: what the image's HEALTHCHECK runs.

Opens a fresh connection each time, as a scraper does, to the listen address that the settings give.
Never checks who answers (the certificate is not verified, for it names no loopback address) and
sends no password, as `/-/healthy` wants none.
"""

import http.client
import ssl
from dataclasses import dataclass
from urllib.parse import urlsplit

import click

from exporter.commands.command import Line, make_command
from exporter.net.failures import Peer, describe, timed_out
from exporter.net.proxies import DEFAULT_PORTS
from exporter.settings.load import load_parsed
from exporter.settings.model import WebSettings
from exporter.terminal import complain, one_line
from exporter.web import webconfig

PATH = "/-/healthy"
TIMEOUT_SECONDS = 5.0
WILDCARDS = ("", "0.0.0.0", "::")  # noqa: S104 - not listened on, but recognised

UNHEALTHY = 1


@dataclass(frozen=True)
class Target:
    """Where to ask. needs_certificate: the server turns away whoever has no client certificate."""

    url: str
    needs_certificate: bool = False


def run(line: Line, *, url: str | None) -> int:
    """0 where the exporter says that it is healthy, else 1 and a line on stderr.

    Raises SettingsError.
    """
    try:
        if url is None:
            settings = load_parsed(line.flags, line.environ, require_key=False).settings
            problem = problem_at(target_of(settings.web))
        else:
            problem = problem_at(Target(url))
    except webconfig.WebConfigError as error:
        problem = str(error)
    if problem is None:
        return 0
    complain(problem)
    return UNHEALTHY


def target_of(settings: WebSettings) -> Target:
    """The health page of an exporter with these settings. Raises WebConfigError."""
    guard = webconfig.load(settings.config_file) if settings.config_file else None
    tls = guard.tls if guard is not None else None
    host = "localhost" if settings.host in WILDCARDS else settings.host
    bracketed = f"[{host}]" if ":" in host else host
    return Target(
        f"{'http' if tls is None else 'https'}://{bracketed}:{settings.port}{PATH}",
        needs_certificate=tls is not None and tls.verify_mode == ssl.CERT_REQUIRED,
    )


def problem_at(target: Target, timeout: float = TIMEOUT_SECONDS) -> str | None:
    """Why the exporter there is not healthy, in a line; None where it is.

    One that turns us away for want of a client certificate has answered, so its event loop turns:
    it counts as healthy, although a stuck poll then goes unseen.
    timeout: seconds for each of connecting and reading.
    """
    try:
        parts = urlsplit(target.url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return "--url is not a URL"
    if host is None or parts.scheme not in ("http", "https"):
        return "--url is not an http or https URL"
    # Of the URL only what may be seen: a user name, a password or a token can stand in the rest.
    place = parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()
    if "@" in parts.path:
        place = f"{parts.scheme}://{host}"
    peer = Peer(host, port or DEFAULT_PORTS[parts.scheme])
    connection = _connection(parts.scheme, host, port, timeout)
    try:
        connection.request("GET", parts.path or PATH)
        answer = connection.getresponse()
        body = one_line(answer.read(1000).decode("utf-8", "replace"))
    except (ssl.SSLError, ConnectionResetError) as error:
        # http.client's RemoteDisconnected is a ConnectionResetError.
        if target.needs_certificate:
            return None
        return f"{place} does not answer: {describe(error, peer)}"
    except (UnicodeError, http.client.InvalidURL):
        # Their text may hold all of the URL.
        return f"{place} is not a URL that can be asked"
    except TimeoutError:
        return f"{place} does not answer: {timed_out(timeout, 'waiting')}"
    except (OSError, http.client.HTTPException) as error:
        return f"{place} does not answer: {describe(error, peer)}"
    finally:
        connection.close()
    return None if answer.status == http.client.OK else f"{place} answers {answer.status}: {body}"


def _connection(
    scheme: str, host: str, port: int | None, timeout: float
) -> http.client.HTTPConnection:
    if scheme == "http":
        return http.client.HTTPConnection(host, port, timeout=timeout)
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return http.client.HTTPSConnection(host, port, timeout=timeout, context=context)


command = make_command(
    "healthcheck",
    run,
    __doc__,
    [click.Option(["--url"], help="where to ask [default: /-/healthy, from settings]")],
)
