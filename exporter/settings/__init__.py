"""Everything that can be set, from flags, environment and a YAML file, in that order.

`load` makes a `Settings` or raises a `SettingsError` of one line; `all_settings` lists what can be
set. Nothing here opens a connection, and no message here holds a key.
"""

from exporter.settings.describe import Setting, all_settings
from exporter.settings.durations import format_duration, parse_duration
from exporter.settings.errors import SettingsError
from exporter.settings.flags import read_flags, setting_flags
from exporter.settings.load import Loaded, SettingsWarning, load, load_parsed
from exporter.settings.model import BASE_URLS, Account, KeySource, Settings
from exporter.settings.values import key_problem, looks_like_key

__all__ = [
    "BASE_URLS",
    "Account",
    "KeySource",
    "Loaded",
    "Setting",
    "Settings",
    "SettingsError",
    "SettingsWarning",
    "all_settings",
    "format_duration",
    "key_problem",
    "load",
    "load_parsed",
    "looks_like_key",
    "parse_duration",
    "read_flags",
    "setting_flags",
]
