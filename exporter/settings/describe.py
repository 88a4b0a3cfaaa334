"""What can be set, listed from the model: names, flags, variables, defaults, help.

The loader, `--help`, the README's table and the chart read this list, so none of them can forget a
setting. It never holds a value that somebody set.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Final, Literal, get_args, get_origin

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from exporter.redaction import REDACTED
from exporter.settings.durations import format_duration
from exporter.settings.model import Doc, Section, Settings
from exporter.settings.values import IS_DURATION

PREFIX = Settings.model_config.get("env_prefix", "")
UNSET: Final = "–"
"""What stands for a value that nothing sets."""


@dataclass(frozen=True)
class Setting:
    """One setting: where it lives in the model and by which names people give it."""

    name: str
    path: tuple[str, ...]
    flags: tuple[str, ...]
    variable: str | None
    in_file: bool
    is_bool: bool
    is_duration: bool
    choices: tuple[str, ...]
    default: str
    default_in_words: bool
    help: str


@cache
def all_settings() -> tuple[Setting, ...]:
    """Every setting of the model, in its order."""
    return tuple(_walk(Settings, ()))


def in_words(value: object, *, is_duration: bool) -> str:
    """A value as people write it; a secret is blotted out."""
    match value:
        case None:
            return UNSET
        case SecretStr():
            return REDACTED
        case bool():
            return str(value).lower()
        case tuple():
            return ",".join(map(str, value)) or UNSET
        case dict():
            return ",".join(f"{name}={number}" for name, number in value.items()) or UNSET
        case float():
            return format_duration(value) if is_duration else f"{value:g}"
    return str(value)


def _walk(section: type[BaseModel], prefix: tuple[str, ...]) -> Iterator[Setting]:
    for attribute, field in section.model_fields.items():
        path = (*prefix, attribute)
        if isinstance(field.annotation, type) and issubclass(field.annotation, Section):
            yield from _walk(field.annotation, path)
        else:
            yield _setting(path, field)


def _setting(path: tuple[str, ...], field: FieldInfo) -> Setting:
    doc = next((item for item in field.metadata if isinstance(item, Doc)), Doc())
    name = ".".join(path)
    flags: list[str] = []
    for spelling in (name, *doc.aliases) if doc.flag else ():
        flags += [f"--{spelling.replace('_', '-')}", f"--{spelling}"]
    is_duration = _is_duration(field)
    value = field.get_default(call_default_factory=True, validated_data={})
    default = doc.default or in_words(value, is_duration=is_duration)
    return Setting(
        name=name,
        path=path,
        flags=tuple(dict.fromkeys(flags)),
        variable=PREFIX + "_".join(path).upper() if doc.variable else None,
        in_file=doc.file,
        is_bool=field.annotation is bool,
        is_duration=is_duration,
        choices=tuple(map(str, get_args(field.annotation))) if _is_choice(field) else (),
        default=default,
        default_in_words=doc.default is not None or default == UNSET,
        help=field.description or "",
    )


def _is_choice(field: FieldInfo) -> bool:
    return get_origin(field.annotation) is Literal


def _is_duration(field: FieldInfo) -> bool:
    # An optional duration carries its mark inside the union.
    inner = [getattr(option, "__metadata__", ()) for option in get_args(field.annotation)]
    return any(IS_DURATION in metadata for metadata in (field.metadata, *inner))
