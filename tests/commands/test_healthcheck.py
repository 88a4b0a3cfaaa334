"""What the image's HEALTHCHECK promises: 0 for a healthy exporter, 1 and a reason for any other."""

import asyncio
import socket
from pathlib import Path

import pytest
import trustme
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from exporter.cli import main
from exporter.commands.healthcheck import Target, problem_at, target_of
from exporter.settings.model import WebSettings
from exporter.web import webconfig
from exporter.web.app import create_app
from exporter.web.backend import Health
from tests.web.conftest import FakeSite, serving

PASSWORD_HASH = "$2b$04$" + "x" * 53


@pytest.fixture
def site() -> FakeSite:
    return FakeSite()


@pytest.fixture
def app(site: FakeSite) -> ASGIApp:
    return create_app(site)


async def run(*arguments: str) -> int:
    """The command's exit code; it runs beside the server that it asks."""
    async with asyncio.timeout(30):
        return await asyncio.to_thread(main, ["healthcheck", *arguments], {})


@pytest.mark.parametrize(
    ("address", "url"),
    [
        (":10984", "http://localhost:10984/-/healthy"),
        ("0.0.0.0:9100", "http://localhost:9100/-/healthy"),
        ("[::]:9100", "http://localhost:9100/-/healthy"),
        ("[::1]:9100", "http://[::1]:9100/-/healthy"),
        ("127.0.0.1:9100", "http://127.0.0.1:9100/-/healthy"),
    ],
)
def test_url_follows_the_listen_address(address: str, url: str) -> None:
    assert target_of(WebSettings(listen_address=address)) == Target(url)


async def test_a_healthy_exporter_gives_0_without_a_key(app: ASGIApp) -> None:
    async with serving(app) as server:
        assert await run(f"--web.listen-address=127.0.0.1:{server.port}") == 0
        assert await run("--url", f"http://127.0.0.1:{server.port}/-/healthy") == 0


async def test_listen_address_may_come_from_a_variable(app: ASGIApp) -> None:
    async with serving(app) as server:
        variables = {"ISNOTAI_WEB_LISTEN_ADDRESS": f"127.0.0.1:{server.port}"}
        assert await asyncio.to_thread(main, ["healthcheck"], variables) == 0


async def test_a_stuck_poll_gives_1_and_says_so(
    app: ASGIApp, site: FakeSite, capsys: pytest.CaptureFixture[str]
) -> None:
    site.healthy = Health(False, ("team-a: the poll of stats is stuck",))
    async with serving(app) as server:
        assert await run(f"--web.listen-address=127.0.0.1:{server.port}") == 1

    assert "answers 503: " in capsys.readouterr().err


def test_nobody_there_gives_1_and_names_the_address(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]

    assert main(["healthcheck", "--url", f"http://127.0.0.1:{port}/-/healthy"], {}) == 1
    assert f"127.0.0.1:{port}/-/healthy does not answer" in capsys.readouterr().err


@pytest.mark.parametrize("needs_certificate", [False, True])
def test_a_server_that_accepts_and_is_silent_gives_1_soon(needs_certificate: bool) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"https://127.0.0.1:{silent.getsockname()[1]}/-/healthy"
        problem = problem_at(Target(url, needs_certificate), timeout=0.1)

    assert problem is not None
    assert "does not answer: " in problem
    assert "timed out" in problem


@pytest.mark.parametrize("url", ["ftp://localhost/", "localhost:10984", "http://localhost:x/"])
def test_a_url_that_cannot_be_asked_gives_1(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["healthcheck", "--url", url], {}) == 1
    assert "URL" in capsys.readouterr().err


@pytest.mark.parametrize(
    "url",
    [
        "http://admin:hunter2@127.0.0.1:9/-/healthy",
        "http://admin:hunter2@127.0.0.1:x/",
        "http://admin:1/hunter2@127.0.0.1/",
        "http://admin:hunter2@[/",
        "ftp://admin:hunter2@127.0.0.1/",
        "http://127.0.0.1:9/-/healthy?token=hunter2#hunter2",
        "http://admin:hunter2@127.0.0.1:9/a b?hunter2",
        "http://admin:hunter2@127.0.0.1:9/\u00fc",
        f"http://admin:hunter2@{'x' * 64}.invalid/",
    ],
)
def test_no_part_of_a_url_that_may_be_secret_is_shown(
    url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["healthcheck", "--url", url], {}) == 1

    line = capsys.readouterr().err
    assert line.startswith("isnotai-exporter: ")
    assert line.count("\n") == 1
    assert "hunter2" not in line


async def test_what_another_server_answers_is_one_line() -> None:
    async def other(scope: Scope, receive: Receive, send: Send) -> None:
        await PlainTextResponse("no\n\x1b[2Jsuch\rpage", 404)(scope, receive, send)

    async with serving(other) as server:
        url = f"http://127.0.0.1:{server.port}/"
        problem = await asyncio.to_thread(problem_at, Target(url))

    assert problem == f"{url} answers 404: no  [2Jsuch page"


def web_config(folder: Path, client_auth: str = "") -> Path:
    """A web-config file with TLS and a user; `client_auth` are further lines of its TLS part."""
    authority = trustme.CA()
    certificate = authority.issue_cert("exporter.example.org")
    certificate.private_key_pem.write_to_path(folder / "tls.key")
    certificate.cert_chain_pems[0].write_to_path(folder / "tls.crt")
    authority.cert_pem.write_to_path(folder / "ca.crt")
    path = folder / "web.yaml"
    path.write_text(
        "tls_server_config:\n  cert_file: tls.crt\n  key_file: tls.key\n"
        f"{client_auth}basic_auth_users:\n  scraper: {PASSWORD_HASH}\n"
    )
    return path


async def test_tls_with_any_name_and_basic_auth_do_not_stand_in_the_way(
    app: ASGIApp, tmp_path: Path
) -> None:
    path = web_config(tmp_path)
    async with serving(app, webconfig.load(path)) as server:
        address = f"--web.listen-address=127.0.0.1:{server.port}"
        assert await run(address, f"--web.config-file={path}") == 0


@pytest.mark.parametrize("highest", ["TLS12", "TLS13"])
async def test_a_server_that_wants_a_client_certificate_is_alive(
    app: ASGIApp, tmp_path: Path, highest: str
) -> None:
    verify = "  client_ca_file: ca.crt\n  client_auth_type: RequireAndVerifyClientCert\n"
    path = web_config(tmp_path, f"{verify}  max_version: {highest}\n")
    async with serving(app, webconfig.load(path)) as server:
        address = f"--web.listen-address=127.0.0.1:{server.port}"
        assert await run(address, f"--web.config-file={path}") == 0


def test_a_bad_web_config_gives_1_and_names_the_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "web.yaml"
    path.write_text("nonsense: 1\n")

    assert main(["healthcheck", f"--web.config-file={path}"], {}) == 1
    assert str(path) in capsys.readouterr().err


async def test_a_server_that_turns_us_away_for_no_reason_gives_1(
    app: ASGIApp, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    verify = "  client_ca_file: ca.crt\n  client_auth_type: RequireAndVerifyClientCert\n"
    path = web_config(tmp_path, verify)
    async with serving(app, webconfig.load(path)) as server:
        assert await run("--url", f"https://127.0.0.1:{server.port}/-/healthy") == 1

    assert "does not answer" in capsys.readouterr().err
