"""Every setting with the value that is in force, as text for people; secrets are blotted out."""

from typing import Any, NamedTuple

from pydantic import SecretStr

from exporter.redaction import REDACTED, redact
from exporter.settings.describe import Setting, all_settings
from exporter.settings.durations import format_duration
from exporter.settings.model import IntegrationSettings, Settings


class Effective(NamedTuple):
    """A setting's name and value. value: empty where nothing is set. is_default: nobody set it."""

    name: str
    value: str
    is_default: bool


def effective(settings: Settings) -> tuple[Effective, ...]:
    """All settings in the order of the model."""
    return tuple(_effective(setting, settings) for setting in all_settings())


def _effective(setting: Setting, settings: Settings) -> Effective:
    value: Any = settings
    usual: Any = Settings.model_construct()
    for attribute in setting.path:
        value, usual = getattr(value, attribute), getattr(usual, attribute)
    return Effective(setting.name, redact.text(_text(setting, value)), value == usual)


def _text(setting: Setting, value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, SecretStr):
        return REDACTED
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return ",".join(f"{name}={number:.10g}" for name, number in value.items())
    if isinstance(value, tuple):
        return ",".join(it if isinstance(it, str) else _integration(it) for it in value)
    return format_duration(value) if setting.is_duration else str(value)


def _integration(one: IntegrationSettings) -> str:
    parts = {
        "api_key_file": one.api_key_file,
        "api_key_env": one.api_key_env,
        "region": one.region,
        "base_url": one.base_url,
    }
    told = "".join(f", {name}: {value}" for name, value in parts.items() if value is not None)
    return f"{{name: {one.name}{told}}}"
