"""HTTP basic authentication by bcrypt hashes, as Prometheus' web-config file has it.

Every path is guarded but `/-/healthy` and `/-/ready`. A kubelet's or a load balancer's probe can
carry no secret that its own manifest does not show, and a refused probe restarts a healthy pod.
Both answers hold a verdict only. (Prometheus' exporter-toolkit, which has no probes of its own,
guards everything.) Passwords are neither kept nor logged: a success is remembered as a keyed
digest, so that a scrape pays for bcrypt once.

bcrypt is slow on purpose, so one check runs at a time, and clients take turns. Those whose last
password was right go first, then one client after the other. Each check costs as much as the most
expensive hash in the file, whoever asks, so its time does not tell which users exist.
"""

import asyncio
import base64
import binascii
import hmac
import secrets
from collections import deque
from collections.abc import Callable, Mapping

import bcrypt
from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from exporter.web.peers import peer_of
from exporter.web.turns import TooManyWaitingError, Turns

OPEN_PATHS = frozenset({"/-/healthy", "/-/ready"})

# bcrypt reads no further: bcrypt 5 refuses longer passwords, older ones cut them off in silence.
_LONGEST_PASSWORD = 72

# How long a request may wait for its turn at bcrypt, and for bcrypt, in seconds.
_CHECK_TIMEOUT = 10.0

# How many credentials that passed, and clients that gave such, are remembered.
_REMEMBERED = 64

_CHALLENGE = {"WWW-Authenticate": 'Basic realm="isnotai-exporter", charset="UTF-8"'}

CheckPassword = Callable[[bytes, bytes], bool]


class BasicAuth:
    """ASGI middleware that lets a request through whose credentials are one of `users`.

    users: gives bcrypt hash by user name as of now; while it is empty, nobody is asked.
    check: `bcrypt.checkpw`, or what takes its place; run in a thread, one at a time.
    """

    def __init__(
        self,
        app: ASGIApp,
        users: Callable[[], Mapping[str, str]],
        check: CheckPassword = bcrypt.checkpw,
        timeout: float = _CHECK_TIMEOUT,
    ) -> None:
        self._app = app
        self._users = users
        self._check = check
        self._timeout = timeout
        self._turns = Turns()
        self._secret = secrets.token_bytes(32)
        self._passed: deque[bytes] = deque(maxlen=_REMEMBERED)
        self._right: deque[str] = deque(maxlen=_REMEMBERED)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        users = self._users()
        if scope["type"] != "http" or scope["path"] in OPEN_PATHS or not users:
            await self._app(scope, receive, send)
            return
        peer = peer_of((scope.get("client") or ("",))[0])
        authorization = Headers(scope=scope).get("authorization")
        try:
            async with asyncio.timeout(self._timeout):
                allowed = await self._allowed(peer, authorization, users)
        except (TimeoutError, TooManyWaitingError):
            busy = PlainTextResponse("Too many passwords to check; try again.\n", 503)
            await busy(scope, receive, send)
            return
        if allowed:
            await self._app(scope, receive, send)
        else:
            refusal = PlainTextResponse("Unauthorized\n", 401, headers=_CHALLENGE)
            await refusal(scope, receive, send)

    async def _allowed(
        self, peer: str, authorization: str | None, users: Mapping[str, str]
    ) -> bool:
        credentials = _credentials(authorization)
        if credentials is None:
            return False
        user, password = credentials
        known = users.get(user)
        token = self._token(user.encode(), (known or "").encode(), password)
        if known is not None and self._remembers(token):
            return True
        await self._turns.take(peer, first=peer in self._right)
        work = asyncio.get_running_loop().run_in_executor(
            None, self._matches, password, known, tuple(users.values())
        )
        # A thread cannot be stopped: the turn ends with bcrypt, also where nobody waits any more.
        work.add_done_callback(lambda _: self._turns.end())
        matches = await asyncio.shield(work)
        if peer in self._right:
            self._right.remove(peer)
        if matches:
            self._right.append(peer)
            self._passed.append(token)
        return matches

    def _matches(self, password: bytes, known: str | None, hashes: tuple[str, ...]) -> bool:
        """Whether the password is that of the known hash, at the cost of the dearest of all."""
        if len(password) > _LONGEST_PASSWORD:
            return False
        highest = max(map(_cost, hashes))
        # A hash of cost c takes 2^c rounds: with one of each cost above, all take 2^highest.
        dummies = range(highest, highest + 1) if known is None else range(_cost(known), highest)
        try:
            matches = known is not None and self._check(password, known.encode())
            for cost in dummies:
                self._check(password, f"$2b${cost:02}${'.' * 53}".encode())
        except ValueError:  # what bcrypt refuses to hash is not a password of anybody
            return False
        return matches

    def _token(self, *parts: bytes) -> bytes:
        """A digest of the parts under a key of this process; no two lists of parts share one."""
        framed = b"".join(len(part).to_bytes(4, "big") + part for part in parts)
        return hmac.digest(self._secret, framed, "sha256")

    def _remembers(self, token: bytes) -> bool:
        found = False
        for passed in self._passed:
            found |= hmac.compare_digest(passed, token)
        return found


def _cost(hashed: str) -> int:
    return int(hashed.split("$")[2])


def _credentials(authorization: str | None) -> tuple[str, bytes] | None:
    """User and password of a `Basic` header (RFC 7617); None for anything else."""
    scheme, _, encoded = (authorization or "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        user, colon, password = base64.b64decode(encoded.strip(), validate=True).partition(b":")
        return (user.decode("utf-8"), password) if colon else None
    except (binascii.Error, ValueError):
        return None
