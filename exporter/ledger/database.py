"""Where a state lies: in a file, in a database of a PostgreSQL server, or in memory."""

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

from exporter.ledger.engine import StateError
from exporter.redaction import redact
from exporter.settings.model import StateSettings


@dataclass(frozen=True, slots=True)
class Database:
    """A database that replicas share. One of `url` and `url_file` is given.

    url: as libpq reads it; it may hold a password. url_file: read again at each connection.
    schema: in which all tables lie.
    """

    schema: str
    url: str | None = None
    url_file: Path | None = None

    def __repr__(self) -> str:
        return f"PostgreSQL, schema {self.schema}"

    def read(self) -> str:
        """The URL as it is now, its secrets known to the redactor. Raises StateError."""
        url = self.url
        if url is None:
            try:
                url = Path(self.url_file or "").read_text(encoding="utf-8").strip()
            except OSError as error:
                reason = error.strerror
                raise StateError(f"state.url_file cannot be read: {reason}") from None
            except UnicodeDecodeError:
                raise StateError("state.url_file holds no text") from None
        hide(url)
        if not url.startswith(("postgresql://", "postgres://")):
            raise StateError("state.url_file holds no URL that begins with postgresql://")
        return url


def hide(url: str) -> None:
    """Have the redactor blot out what is secret of a database's URL."""
    redact.add(url)
    try:
        parts = urlsplit(url)
        secrets = [parts.password, *parse_qs(parts.query).get("password", ())]
    except ValueError:
        return
    for secret in filter(None, secrets):
        redact.add(secret)
        redact.add(unquote(secret))


def place_of(state: StateSettings) -> Path | Database | None:
    """Where these settings keep the state; None: in memory."""
    if state.url is not None:
        return Database(state.schema, state.url.get_secret_value())
    if state.url_file is not None:
        return Database(state.schema, url_file=state.url_file)
    return state.path
