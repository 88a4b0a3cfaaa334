"""Prints every setting with its value and where that came from; secrets are blotted out.

Nothing is asked and nothing is opened but the settings file. A key may be missing.
"""

from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel, SecretStr

from exporter.commands.command import Line
from exporter.commands.screen import styled
from exporter.redaction import REDACTED, redact
from exporter.settings.describe import Setting, all_settings
from exporter.settings.durations import format_duration
from exporter.settings.load import Loaded, load_parsed
from exporter.settings.model import IntegrationSettings, Settings
from exporter.terminal import complain, say

UNSET = "–"
DEFAULT = "default"


def run(line: Line) -> int:
    """Print them; the exit code. Raises SettingsError."""
    loaded = load_parsed(line.flags, line.environ, require_key=False)
    rows = list(_rows(loaded))
    names = max(len(name) for name, _, _ in rows)
    values = min(40, max(len(value) for _, value, _ in rows))
    for name, value, source in rows:
        shown = redact.text(f"{name:{names}}  {value:{values}}  {source}")
        say(styled((shown, "dim" if source == DEFAULT else "bold")))
    for warning in loaded.warnings:
        complain(warning.message)
    return 0


def _rows(loaded: Loaded) -> Iterator[tuple[str, str, str]]:
    """(name, value, source) of every setting."""
    settings = loaded.settings
    lines = _lines_of(settings.config.file)
    for setting in all_settings():
        origin = loaded.origins.get(setting.name, DEFAULT)
        if origin.endswith(f": {setting.name}") and setting.name in lines:
            origin = f"{settings.config.file}:{lines[setting.name]}"
        if setting.name == "integrations" and settings.integrations:
            for index, entry in enumerate(settings.integrations):
                yield f"integrations[{index}]", _entry(entry), origin
            continue
        value = _value(settings, setting)
        words = setting.default if origin == DEFAULT and setting.default_in_words else None
        yield setting.name, words or value, origin


def _value(settings: Settings, setting: Setting) -> str:
    found: object = settings
    for name in setting.path:
        found = getattr(found, name)
    match found:
        case SecretStr():
            return REDACTED
        case None | ():
            return UNSET
        case bool():
            return str(found).lower()
        case tuple():
            return ",".join(map(str, found))
        case dict():
            return ",".join(f"{name}={number}" for name, number in found.items()) or UNSET
        case float() if setting.is_duration:
            return format_duration(found)
        case float():
            return f"{found:g}"
    return str(found)


def _entry(entry: IntegrationSettings) -> str:
    """One integration: all but its key."""
    given = BaseModel.model_dump(entry, exclude={"api_key"}, exclude_none=True)
    return " ".join(f"{name}={value}" for name, value in given.items())


def _lines_of(path: Path | None) -> dict[str, int]:
    """On which line the file sets what."""
    if path is None:
        return {}
    # Only where there is a file: a YAML parser costs 3 MiB.
    from exporter.settings.strict_yaml import key_lines

    return key_lines(path)
