"""What basic auth promises: the right password passes, bcrypt runs once, nothing else gets in."""

import asyncio
import base64
import threading
from collections.abc import Mapping

import bcrypt
import httpx
import pytest
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from exporter.web.basic_auth import BasicAuth

PASSWORD = "correct horse"
HASH = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
USERS = {"prometheus": HASH, "zoë": HASH.replace("$2b$", "$2y$")}


async def inside(scope: Scope, receive: Receive, send: Send) -> None:
    await PlainTextResponse("inside")(scope, receive, send)


class CountedCheck:
    """bcrypt's check, with a count, and the thread that it last ran in."""

    def __init__(self) -> None:
        self.passwords: list[bytes] = []
        self.hashes: list[bytes] = []
        self.thread: int | None = None

    def __call__(self, password: bytes, hashed: bytes) -> bool:
        self.passwords.append(password)
        self.hashes.append(hashed)
        self.thread = threading.get_ident()
        return bcrypt.checkpw(password, hashed)


@pytest.fixture
def check() -> CountedCheck:
    return CountedCheck()


@pytest.fixture
def guard(check: CountedCheck) -> BasicAuth:
    return BasicAuth(inside, lambda: USERS, check)


def basic(user: str, password: str | bytes) -> str:
    raw = password if isinstance(password, bytes) else password.encode()
    return "Basic " + base64.b64encode(user.encode() + b":" + raw).decode()


async def ask(
    guard: BasicAuth, authorization: str | None, path: str = "/", client: str = "127.0.0.1"
) -> httpx.Response:
    headers = [] if authorization is None else [(b"Authorization", authorization.encode("latin-1"))]
    transport = httpx.ASGITransport(guard, client=(client, 50000))
    async with httpx.AsyncClient(transport=transport, base_url="http://exporter") as scraper:
        return await scraper.get(path, headers=headers)


@pytest.mark.parametrize("user", ["prometheus", "zoë"])
async def test_the_right_password_passes(guard: BasicAuth, user: str) -> None:
    response = await ask(guard, basic(user, PASSWORD))
    assert (response.status_code, response.text) == (200, "inside")


async def test_the_scheme_is_read_in_any_case(guard: BasicAuth) -> None:
    authorization = basic("prometheus", PASSWORD).replace("Basic", "bASIC")
    assert (await ask(guard, authorization)).status_code == 200


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        "Basic",
        "Basic ",
        "Basic !!!",
        "Basic é",
        "Basic " + base64.b64encode(b"prometheus").decode(),
        "Basic " + base64.b64encode(b"\xff\xfe:x").decode(),
        "Bearer " + base64.b64encode(f"prometheus:{PASSWORD}".encode()).decode(),
        basic("prometheus", "wrong"),
        basic("prometheus", ""),
        basic("", PASSWORD),
        basic("stranger", PASSWORD),
        basic("Prometheus", PASSWORD),
        basic("prometheus", HASH),
        basic("prometheus", b"nul\x00byte"),
        basic("prometheus", "p" * 73),
        basic("prometheus", "p" * 100_000),
    ],
)
async def test_anything_else_is_refused_with_a_challenge(
    guard: BasicAuth, authorization: str | None
) -> None:
    response = await ask(guard, authorization)
    assert response.status_code == 401
    assert response.headers["www-authenticate"].startswith('Basic realm="')
    assert "inside" not in response.text


async def test_a_password_cut_off_at_72_bytes_does_not_pass() -> None:
    hashed = bcrypt.hashpw(b"p" * 72, bcrypt.gensalt(4)).decode()
    # As bcrypt before 5 does it.
    guard = BasicAuth(
        inside, lambda: {"u": hashed}, lambda password, own: bcrypt.checkpw(password[:72], own)
    )
    assert (await ask(guard, basic("u", "p" * 72))).status_code == 200
    assert (await ask(guard, basic("u", "p" * 73))).status_code == 401


async def test_a_password_that_bcrypt_refuses_to_hash_does_not_pass() -> None:
    def picky(password: bytes, hashed: bytes) -> bool:
        raise ValueError("not this one")

    guard = BasicAuth(inside, lambda: USERS, picky)
    assert (await ask(guard, basic("prometheus", PASSWORD))).status_code == 401


@pytest.mark.parametrize("path", ["/-/healthy", "/-/ready"])
async def test_probes_need_no_password(guard: BasicAuth, check: CountedCheck, path: str) -> None:
    assert (await ask(guard, None, path)).status_code == 200
    assert check.passwords == []


@pytest.mark.parametrize("path", ["/", "/metrics", "/-/reload", "/-/healthy/", "/nothing"])
async def test_everything_but_the_probes_is_guarded(guard: BasicAuth, path: str) -> None:
    assert (await ask(guard, None, path)).status_code == 401


async def test_a_success_is_remembered_so_that_scrapes_pay_for_bcrypt_once(
    guard: BasicAuth, check: CountedCheck
) -> None:
    for _ in range(3):
        assert (await ask(guard, basic("prometheus", PASSWORD))).status_code == 200
    assert len(check.passwords) == 1


async def test_a_failure_is_checked_each_time(guard: BasicAuth, check: CountedCheck) -> None:
    await ask(guard, basic("prometheus", PASSWORD))
    for _ in range(2):
        assert (await ask(guard, basic("prometheus", "wrong"))).status_code == 401
    assert len(check.passwords) == 3


async def test_a_success_of_one_user_is_none_of_another(
    guard: BasicAuth, check: CountedCheck
) -> None:
    await ask(guard, basic("prometheus", PASSWORD))
    assert (await ask(guard, basic("stranger", PASSWORD))).status_code == 401
    assert len(check.passwords) == 2


def rounds(hashes: list[bytes]) -> int:
    """What bcrypt did: a hash of cost c takes 2^c rounds."""
    return sum(2 ** int(hashed.split(b"$")[2]) for hashed in hashes)


@pytest.mark.parametrize("user", ["cheap", "dear", "stranger"])
@pytest.mark.parametrize("password", [PASSWORD, "wrong"])
async def test_every_check_costs_the_same_whoever_asks(
    check: CountedCheck, user: str, password: str
) -> None:
    users = {
        "cheap": bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode(),
        "dear": bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(7)).decode(),
    }
    guard = BasicAuth(inside, lambda: users, check)
    expected = 200 if password == PASSWORD and user in users else 401
    assert (await ask(guard, basic(user, password))).status_code == expected
    assert rounds(check.hashes) == 2**7


async def test_bcrypt_runs_beside_the_event_loop(guard: BasicAuth, check: CountedCheck) -> None:
    await ask(guard, basic("prometheus", PASSWORD))
    assert check.thread not in (None, threading.get_ident())


async def test_a_changed_password_makes_the_old_one_worthless(check: CountedCheck) -> None:
    users = {"prometheus": HASH}
    guard = BasicAuth(inside, lambda: users, check)
    assert (await ask(guard, basic("prometheus", PASSWORD))).status_code == 200
    users = {"prometheus": bcrypt.hashpw(b"new one", bcrypt.gensalt(4)).decode()}
    assert (await ask(guard, basic("prometheus", PASSWORD))).status_code == 401
    assert (await ask(guard, basic("prometheus", "new one"))).status_code == 200


async def test_without_users_nobody_is_asked() -> None:
    nobody: Mapping[str, str] = {}
    assert (await ask(BasicAuth(inside, lambda: nobody), None)).status_code == 200


async def test_who_waits_too_long_for_bcrypt_is_told_to_come_back() -> None:
    release = threading.Event()

    def stuck(password: bytes, hashed: bytes) -> bool:
        return release.wait(10)

    guard = BasicAuth(inside, lambda: USERS, stuck, timeout=0.01)
    try:
        responses = await asyncio.gather(
            *(ask(guard, basic("prometheus", PASSWORD)) for _ in range(2))
        )
        assert [response.status_code for response in responses] == [503, 503]
    finally:
        release.set()


class Gate:
    """A check that waits until it is let through, and remembers in which order it was asked."""

    def __init__(self) -> None:
        self.asked: list[bytes] = []
        self.opened = threading.Semaphore(0)
        self.began = threading.Semaphore(0)

    def __call__(self, password: bytes, hashed: bytes) -> bool:
        self.asked.append(password)
        self.began.release()
        assert self.opened.acquire(timeout=10)
        return password == b"right"


async def begun(gate: Gate) -> None:
    assert await asyncio.to_thread(gate.began.acquire, timeout=10)


def waiting(guard: BasicAuth, client: str, password: str) -> "asyncio.Task[httpx.Response]":
    return asyncio.create_task(ask(guard, basic("prometheus", password), client=client))


async def test_a_flood_of_one_client_makes_another_wait_for_one_check() -> None:
    gate = Gate()
    guard = BasicAuth(inside, lambda: USERS, gate)
    flood = [waiting(guard, "10.0.0.1", f"wrong{number}") for number in range(20)]
    await begun(gate)
    scraper = waiting(guard, "10.0.0.2", "right")
    # Of the flood one is under way and four wait; the rest was refused at once.
    refused = await asyncio.gather(*flood[5:])
    assert {response.status_code for response in refused} == {503}
    for _ in range(2):
        gate.opened.release()
        await begun(gate)
    gate.opened.release()

    assert (await scraper).status_code == 200
    assert gate.asked[:3] == [b"wrong0", b"wrong1", b"right"]
    for _ in range(10):
        gate.opened.release()
    assert {response.status_code for response in await asyncio.gather(*flood[:5])} == {401}


async def test_who_was_right_before_goes_first_until_it_is_wrong() -> None:
    gate = Gate()
    guard = BasicAuth(inside, lambda: USERS, gate)
    gate.opened.release()
    assert (await waiting(guard, "10.0.0.9", "right")).status_code == 200
    await begun(gate)
    tasks = [waiting(guard, f"10.0.0.{number}", "wrong") for number in range(1, 4)]
    await begun(gate)
    tasks.append(waiting(guard, "10.0.0.9", "also wrong"))
    await asyncio.sleep(0)
    for _ in range(4):
        gate.opened.release()
    await asyncio.gather(*tasks)

    assert gate.asked[1:] == [b"wrong", b"also wrong", b"wrong", b"wrong"]
    assert not guard._right


async def test_a_check_that_nobody_waits_for_any_more_keeps_its_turn() -> None:
    gate = Gate()
    guard = BasicAuth(inside, lambda: USERS, gate, timeout=0.01)
    for client in ("10.0.0.1", "10.0.0.2", "10.0.0.3"):
        assert (await waiting(guard, client, "wrong")).status_code == 503
    # bcrypt still runs for the first of them; a second one beside it would be a thread too many.
    assert len(gate.asked) == 1
    gate.opened.release()
