"""The types of single settings: how text becomes a value, and which values are refused.

Every refusal is a ValueError whose text says what would be right. It never repeats the value: the
loader shows that, unless the refusal is a SecretValueError.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from ipaddress import AddressValueError, IPv6Address
from pathlib import Path
from typing import Annotated, Any, Final, Literal
from urllib.parse import parse_qs, urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr
from pydantic_settings import NoDecode

from exporter.places import compiled
from exporter.settings.durations import parse_duration

#: The periods that /v1/analytics knows.
WINDOWS: Final = ("24h", "7d", "30d", "90d")
#: What /v1/usage meters, as quota.limits names it.
QUOTA_METRICS: Final = ("api_calls", "bot_analyses", "events", "sessions", "storage_bytes")
#: Less than half of the smallest tier's history, so that it stays readable behind the frontier.
LONGEST_OVERLAP_SECONDS: Final = 3 * 86_400.0
#: Where something else than the metrics is, and what that is.
OWN_PATHS: Final = {"/api/status": "the status page", "/sd": "service discovery"}
_KEY_FORM: Final = re.compile(r"aik_v1_[A-Za-z0-9_-]{40}")


class SecretValueError(ValueError):
    """Refuses a value that is or holds a secret, so that it must not be shown."""


class BareNumber:
    """Stands for a number that a person wrote for a duration; code may give seconds."""


def key_problem(key: str) -> str | None:
    """Why a key cannot be sent in a header, or None if it can. The key is not in the text."""
    if not key:
        return "is empty"
    if not all("!" <= character <= "~" for character in key):
        return "cannot be sent in a header: it holds spaces, control or non-ASCII characters"
    return None


def looks_like_key(key: str) -> bool:
    """Whether a key has the documented form: `aik_v1_` and 40 base64url characters."""
    return _KEY_FORM.fullmatch(key) is not None


def split_address(address: str) -> tuple[str, int]:
    """Host (without brackets; empty for all interfaces) and port of `host:port` or `:port`.

    Raises ValueError for anything else.
    """
    host, colon, port = address.rpartition(":")
    if not colon or not re.fullmatch(r"[0-9]{1,5}", port) or int(port) > 65535:
        raise ValueError("must be host:port, :port or [::1]:port, with a port up to 65535")
    if host.startswith("[") and host.endswith("]"):
        try:
            return str(IPv6Address(host[1:-1])), int(port)
        except AddressValueError:
            raise ValueError("must have an IPv6 address between its brackets") from None
    if not re.fullmatch(r"[A-Za-z0-9._-]*", host):
        raise ValueError("must be host:port, :port or [::1]:port, with a port up to 65535")
    return host, int(port)


def _duration(value: object) -> object:
    if isinstance(value, BareNumber):
        raise ValueError("a duration needs a unit, such as 30s or 5m")
    return parse_duration(value) if isinstance(value, str) else value


def _not_bool(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError("must be a number")
    return value


def _overlap(seconds: float) -> float:
    # The frontier lies an overlap behind now; beyond the history it could never be read again.
    if seconds > LONGEST_OVERLAP_SECONDS:
        raise ValueError("must be at most 3d, since the smallest tier's history is 7d")
    return seconds


def _interval(seconds: float) -> float:
    if seconds != 0 and seconds < 1:
        raise ValueError("must be at least 1s, or 0 to switch it off")
    return seconds


def _share(value: float) -> float:
    if not 0 < value <= 1:
        raise ValueError("must be greater than 0 and at most 1")
    return value


def _scale(value: int) -> int:
    if value not in (1, 100):
        raise ValueError("must be 100 or 1")
    return value


def _lower(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


def _comma_separated(value: object) -> object:
    if isinstance(value, str):
        return [item.strip() for item in value.split(",")]
    return value


def _windows(windows: tuple[str, ...]) -> tuple[str, ...]:
    if not windows or any(window not in WINDOWS for window in windows):
        raise ValueError(f"must be one or more of {', '.join(WINDOWS)}")
    if len(set(windows)) != len(windows):
        raise ValueError("must not name a window twice")
    return windows


def _globs(patterns: tuple[str, ...]) -> tuple[str, ...]:
    if not patterns:
        raise ValueError("must have a pattern; poll.stats_interval 0 switches stats off")
    if not all(re.fullmatch(r"[A-Za-z0-9_*?\[\]!-]+", pattern) for pattern in patterns):
        raise ValueError("must be patterns of stat names, such as total_* or bots_*")
    return patterns


def _limits(value: object) -> object:
    if not isinstance(value, str):
        return value
    limits: dict[str, str] = {}
    for item in value.split(","):
        metric, equals, limit = (part.strip() for part in item.partition("="))
        if not equals:
            raise ValueError("must be like api_calls=1000000,events=5000000")
        if metric in limits:
            raise ValueError("must not name a metric twice")
        limits[metric] = limit
    return limits


def _limit_names(limits: dict[str, int]) -> dict[str, int]:
    if not all(re.fullmatch(r"[a-z][a-z0-9_]*", metric) for metric in limits):
        raise ValueError("must name metrics in snake_case, such as api_calls")
    return limits


def _base_url(value: str) -> str:
    if not re.fullmatch(r"[!-~]+", value):
        raise ValueError("must be a URL without spaces or non-ASCII characters")
    try:
        url = urlsplit(value)
        host, _port = url.hostname, url.port
    except ValueError:
        raise ValueError("must be a valid http or https URL") from None
    if url.scheme not in ("http", "https") or not host:
        raise ValueError("must be an http or https URL, such as https://api.isnotai.com")
    if "@" in url.netloc:
        raise SecretValueError("must not hold a user name or password")
    if "?" in value or "#" in value:
        raise ValueError("must not have a query or a fragment")
    return value.rstrip("/")


def _metrics_path(value: str) -> str:
    if not re.fullmatch(r"/[A-Za-z0-9._~/-]+", value):
        raise ValueError("must be a path that starts with / and is longer than that")
    if value == "/-" or value.startswith(("/-/", "//")):
        raise ValueError("must not lie under /-/, which health and reload use")
    if value in OWN_PATHS:
        raise ValueError(f"must not be {value}, which {OWN_PATHS[value]} uses")
    return value


def _integration(value: str) -> str:
    if not value.strip() or len(value) > 128 or not value.isprintable():
        raise ValueError("must have 1 to 128 characters, none of them a control character")
    if "aik_v1_" in value:
        raise SecretValueError("holds a key; it must be a name that everybody may see")
    return value


def _variable(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", value) or "aik_v1_" in value:
        # Whoever put the key itself here must not read it in a log.
        raise SecretValueError("must be the name of an environment variable")
    return value


def _path(value: object) -> object:
    if isinstance(value, str):
        if not value or "\0" in value:
            raise ValueError("must be the path of a file")
        if "aik_v1_" in value:
            raise SecretValueError("holds a key; it must be the path of a file")
    return value


def _key(secret: SecretStr) -> SecretStr:
    problem = key_problem(secret.get_secret_value())
    if problem:
        raise SecretValueError(problem)
    return secret


def _database_url(secret: SecretStr) -> SecretStr:
    url = secret.get_secret_value()
    if not url.startswith(("postgresql://", "postgres://")) or not url.isprintable():
        raise SecretValueError("must be a URL that begins with postgresql://")
    if "aik_v1_" in url:
        raise SecretValueError("holds a key of the API; it must be the URL of a database")
    try:
        parse_qs(urlsplit(url).query, strict_parsing=True) if "?" in url else None
    except ValueError:
        raise SecretValueError(
            "must be a URL such as postgresql://user:password@host:5432/database; in a password, "
            "write %40 for @, %3A for : and %2F for /"
        ) from None
    return secret


def _schema_name(value: str) -> str:
    if not re.fullmatch(r"[a-z_][a-z0-9_]{0,62}", value) or value.startswith("pg_"):
        raise ValueError("must be a name of a-z, 0-9 and _, at most 63 characters")
    return value


def _trimmed(value: object) -> object:
    """Without the white space round it, as a key's file is read: a pipe often adds a line's end."""
    return value.strip() if isinstance(value, str) else value


def _place_name(value: str) -> str:
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,31}", value):
        raise ValueError("must be a name such as course: a-z, 0-9 and _, at most 32 characters")
    return value


def _pattern(value: str) -> str:
    compiled(value)
    return value


def _address(value: str) -> str:
    split_address(value)
    return value


def _checked(check: Callable[[Any], Any]) -> AfterValidator:
    return AfterValidator(check)


#: Marks fields that hold a duration, so that their defaults are written as one.
IS_DURATION: Final = "duration"

_Seconds = Annotated[
    float,
    IS_DURATION,
    Field(ge=0, allow_inf_nan=False),
    BeforeValidator(_duration),
    BeforeValidator(_not_bool),
]
_Number = Annotated[float, Field(allow_inf_nan=False), BeforeValidator(_not_bool)]

Duration = _Seconds
PositiveDuration = Annotated[_Seconds, Field(gt=0)]
Interval = Annotated[_Seconds, _checked(_interval)]
Overlap = Annotated[_Seconds, _checked(_overlap)]
Share = Annotated[_Number, _checked(_share)]
Count = Annotated[int, Field(ge=1), BeforeValidator(_not_bool)]
Scale = Annotated[int, _checked(_scale), BeforeValidator(_not_bool)]
Switch = bool
Level = Annotated[Literal["debug", "info", "warning", "error"], BeforeValidator(_lower)]
# NoDecode: split here, at commas; pydantic-settings would want JSON in the variable.
Windows = Annotated[
    tuple[str, ...], NoDecode, BeforeValidator(_comma_separated), _checked(_windows)
]
Globs = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_comma_separated), _checked(_globs)]
Limits = Annotated[dict[str, Count], NoDecode, BeforeValidator(_limits), _checked(_limit_names)]
BaseUrl = Annotated[str, _checked(_base_url)]
Address = Annotated[str, _checked(_address)]
MetricsPath = Annotated[str, _checked(_metrics_path)]
IntegrationName = Annotated[str, _checked(_integration)]
VariableName = Annotated[str, _checked(_variable)]
PlaceName = Annotated[str, _checked(_place_name)]
Pattern = Annotated[str, _checked(_pattern)]
PlaceValues = Annotated[int, Field(ge=1, le=1000), BeforeValidator(_not_bool)]
Users = Annotated[int, Field(ge=2, le=1000), BeforeValidator(_not_bool)]
FilePath = Annotated[Path, BeforeValidator(_path)]
KeyText = Annotated[SecretStr, BeforeValidator(_trimmed), _checked(_key)]
DatabaseUrl = Annotated[SecretStr, BeforeValidator(_trimmed), _checked(_database_url)]
SchemaName = Annotated[str, _checked(_schema_name)]
