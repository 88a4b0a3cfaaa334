"""Settings from four sources: flags over environment over YAML over defaults.

Each source gives a flat layer. So the origin of every value is known, and an error can name the
setting as the user wrote it. pydantic-settings merges the layers and pydantic checks the values.
Its own messages quote the input, so they are never printed. Keys are registered with the redactor
as soon as they are read.
"""

from __future__ import annotations

import logging
import os
from collections import ChainMap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final, TypeAlias

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from exporter.net.proxies import read_proxies
from exporter.redaction import redact
from exporter.settings.describe import all_settings
from exporter.settings.durations import format_duration
from exporter.settings.environment import EnvironmentSource, unknown_variables
from exporter.settings.errors import SettingsError, shown
from exporter.settings.flags import read_flags
from exporter.settings.layers import Layer, LayerSource, Raw
from exporter.settings.model import PollSettings, Settings
from exporter.settings.values import QUOTA_METRICS, SecretValueError, key_problem, looks_like_key

# With PYDANTIC_SETTINGS_DEBUG set it would log every source, keys and all.
logging.getLogger("pydantic_settings").setLevel(logging.WARNING)

#: pydantic's error types, in the words of these messages; `{…}` comes from the error's context.
_WORDS: Final = {
    "literal_error": "must be {expected}",
    "bool_parsing": "must be true or false",
    "bool_type": "must be true or false",
    "float_parsing": "must be a number",
    "float_type": "must be a number",
    "finite_number": "must be a finite number",
    "int_parsing": "must be a whole number",
    "int_parsing_size": "must be a smaller number",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "greater_than": "must be greater than {gt:g}",
    "greater_than_equal": "must be at least {ge:g}",
    "less_than_equal": "must be at most {le:g}",
    "string_type": "must be text; put it in quotes",
    "path_type": "must be the path of a file",
    "tuple_type": "must be a list",
    "dict_type": "must be a mapping",
    "missing": "is missing",
}

#: What a session counts at is bounded, and so is the time that its patterns take.
MOST_PLACES: Final = 20

#: For each setting what the first layer says that has it, and so what won.
_Given: TypeAlias = ChainMap[str, Raw]


@dataclass(frozen=True)
class SettingsWarning:
    """Something odd that does not stop the exporter. Holds no value that could be a secret."""

    setting: str
    message: str


@dataclass(frozen=True)
class Loaded:
    """Settings that can be used, and what to tell the user about them.

    origins: by which flag, variable or line of a file each setting was given; the rest are
    defaults.
    """

    settings: Settings
    warnings: tuple[SettingsWarning, ...] = ()
    origins: Mapping[str, str] = field(default_factory=dict)


def load(argv: Sequence[str], environ: Mapping[str, str], *, require_key: bool = True) -> Loaded:
    """Settings from flags (without the command's name), environment and the YAML file they name.

    Raises SettingsError, whose text is one line for the user. `require_key=False` is for commands
    that need no key or bring their own.
    """
    return load_parsed(read_flags(argv), environ, require_key=require_key)


def load_parsed(flags: Layer, environ: Mapping[str, str], *, require_key: bool = True) -> Loaded:
    """The same for flags that were read already."""
    for secret in (environ.get("ISNOTAI_API_KEY", "").strip(), *read_proxies(environ).secrets):
        redact.add(secret)
    line = LayerSource(Settings, flags)
    environment = EnvironmentSource(Settings, environ)
    given: _Given = ChainMap(line.layer, environment.layer)
    named = given.get("config.file")
    file = LayerSource(Settings, _file_layer(named, environ) if named else {})
    given.maps.append(file.layer)
    if "state.url" in given:
        redact.add(str(given["state.url"].value).strip())
    _check_keys(given, require_key)
    _check_state(given)
    try:
        settings = Settings.merged(line, environment, file)
    except ValidationError as error:
        # The first is enough: "one clear line".
        raise _error(error.errors(include_url=False)[0], given) from None
    _check_integrations(settings, given)
    _check_places(settings, given)
    origins = {name: raw.line or raw.origin for name, raw in given.items()}
    return Loaded(settings, tuple(_warnings(settings, given, environ)), origins)


def _file_layer(file: Raw, environ: Mapping[str, str]) -> Layer:
    if not file.value or "\0" in str(file.value) or "aik_v1_" in str(file.value):
        raise SettingsError(f"{file.origin}: must be the path of a file")
    # Only now: most run without a file, and a YAML parser costs 3 MiB.
    from exporter.settings.yaml_file import file_layer

    layer = file_layer(Path(str(file.value)))
    if "api_key" in layer:
        redact.add(str(layer["api_key"].value).strip())
    if "integrations" in layer:
        raw = layer["integrations"]
        layer["integrations"] = replace(raw, value=_with_keys(raw, environ))
    return layer


def _with_keys(raw: Raw, environ: Mapping[str, str]) -> list[dict[str, Any]]:
    """The entries with `api_key` read from the variable that `api_key_env` names."""
    entries: list[dict[str, Any]] = []
    for index, entry in enumerate(raw.value if isinstance(raw.value, list) else []):
        filled = dict(entry or {})
        variable = filled.get("api_key_env")
        if isinstance(variable, str):
            where, key = f"{raw.origin}[{index}].api_key_env", environ.get(variable, "").strip()
            if not key:
                raise SettingsError(f"{where}: names no variable that is set")
            redact.add(key)
            if problem := key_problem(key):
                raise SettingsError(f"{where}: the variable's value {problem}")
            filled["api_key"] = key
        entries.append(filled)
    return entries


def _check_keys(given: _Given, require_key: bool) -> None:
    sources = [name for name in ("api_key", "api_key_file", "integrations") if name in given]
    if len(sources) > 1:
        first, second = (given[name].origin for name in sources[:2])
        raise SettingsError(f"{first} and {second} contradict each other: keep one of them")
    if not sources and require_key:
        raise SettingsError(
            "ISNOTAI_API_KEY is not set: give the key there, or its file with --api-key-file "
            "(ISNOTAI_API_KEY_FILE)"
        )


def _check_state(given: _Given) -> None:
    places = [name for name in ("state.path", "state.url", "state.url_file") if name in given]
    if len(places) > 1:
        first, second = (given[name].origin for name in places[:2])
        raise SettingsError(f"{first} and {second} contradict each other: keep one of them")


def _error(error: ErrorDetails, given: _Given) -> SettingsError:
    location = error["loc"]
    setting = next(
        setting for setting in all_settings() if location[: len(setting.path)] == setting.path
    )
    raw = given[setting.name]
    inner = location[len(setting.path) :]
    context = error.get("ctx", {})
    if error["type"] == "value_error":
        problem = str(context["error"])
    else:
        problem = _WORDS.get(error["type"], "cannot be used").format(**context)
    origin, value = raw.origin, raw.value
    for step in inner:
        if isinstance(value, list) and isinstance(step, int):
            origin, value = f"{origin}[{step}]", value[step]
        elif isinstance(value, dict) and step in value:
            origin, value = f"{origin}.{step}", value[step]
        elif isinstance(value, dict):
            return SettingsError(f"{origin}.{step}: {problem}")
    secret = isinstance(context.get("error"), SecretValueError)
    if secret or "api_key" in (*setting.path, *inner):
        return SettingsError(f"{origin}: {problem}")
    return SettingsError(f"{origin}: {problem}, got {shown(value)}")


def _check_integrations(settings: Settings, given: _Given) -> None:
    key = settings.api_key.get_secret_value() if settings.api_key else None
    if key is not None and settings.integration == key:
        raise SettingsError(f"{given['integration'].origin}: holds the key, must be a name")
    if "integrations" not in given:
        return
    origin = given["integrations"].origin
    if not settings.integrations:
        raise SettingsError(f"{origin}: must have at least one entry")
    for index, entry in enumerate(settings.integrations):
        if (entry.api_key_file is None) == (entry.api_key_env is None):
            raise SettingsError(f"{origin}[{index}]: needs either api_key_file or api_key_env")
    _check_unique([entry.name for entry in settings.integrations], origin)
    _check_distinct_keys(settings, origin)


def _check_places(settings: Settings, given: _Given) -> None:
    names = [place.name for place in settings.sessions.places]
    origin = given["sessions.places"].origin if names else ""
    if len(names) > MOST_PLACES:
        raise SettingsError(f"{origin}: must have at most {MOST_PLACES} entries, got {len(names)}")
    _check_unique(names, origin)


def _check_unique(names: Sequence[str], origin: str) -> None:
    seen: set[str] = set()
    for index, name in enumerate(names):
        if name in seen:
            raise SettingsError(
                f"{origin}[{index}].name: must be unique in the list, got {shown(name)}"
            )
        seen.add(name)


def _check_distinct_keys(settings: Settings, origin: str) -> None:
    """Each entry spends a request budget, and there is one budget per key."""
    seen: dict[str, int] = {}
    for index, entry in enumerate(settings.integrations):
        if entry.api_key is not None:
            key = f"key {entry.api_key.get_secret_value()}"
        else:
            key = f"file {os.path.realpath(str(entry.api_key_file))}"
        if key in seen:
            raise SettingsError(
                f"{origin}[{index}]: has the key of integrations[{seen[key]}], and so its request "
                "budget: keep one of them"
            )
        seen[key] = index


def _warnings(
    settings: Settings, given: _Given, environ: Mapping[str, str]
) -> Iterator[SettingsWarning]:
    named = {entry.api_key_env for entry in settings.integrations}
    for warning in read_proxies(environ).warnings:
        yield SettingsWarning("no_proxy", warning)
    for variable, near in unknown_variables(environ):
        if variable not in named:
            hint = f", did you mean {near}?" if near else ""
            yield SettingsWarning(variable, f"{variable} is not a setting and is ignored{hint}")
    keys = {"api_key": settings.api_key} | {
        f"integrations[{index}].api_key": entry.api_key
        for index, entry in enumerate(settings.integrations)
    }
    for name, key in keys.items():
        if key is not None and not looks_like_key(key.get_secret_value()):
            yield SettingsWarning(
                name, f"{name} does not look like aik_v1_ and 40 characters; the API will decide"
            )
    if settings.auth_header == "x-api-key":
        yield SettingsWarning(
            "auth_header",
            "auth_header x-api-key shares one rate limit with every other such caller; "
            "use authorization unless a proxy strips it" + _sharing(len(settings.integrations)),
        )
    for metric in settings.quota.limits:
        if metric not in QUOTA_METRICS:
            nearest = get_close_matches(metric, QUOTA_METRICS, n=1)
            yield SettingsWarning(
                "quota.limits",
                f"{given['quota.limits'].origin}: the API is not known to meter "
                f"{shown(metric)}" + (f", did you mean {nearest[0]}?" if nearest else ""),
            )
    if ("state.url" in given or "state.url_file" in given) and "budget.replicas" in given:
        yield SettingsWarning(
            "budget.replicas",
            f"{given['budget.replicas'].origin} is ignored: of the replicas that share a "
            "database, one polls each integration, with the whole budget",
        )
    if settings.integrations and "integration" in given:
        yield SettingsWarning(
            "integration",
            f"{given['integration'].origin} is ignored: each entry of integrations has its name",
        )
    if longer := _longer_than_stale_after(settings.poll):
        yield SettingsWarning(
            "poll.stale_after",
            f"{given['poll.stale_after'].origin} is shorter than {', '.join(longer)}: "
            "one failed poll is enough for such gauges to disappear",
        )


def _sharing(integrations: int) -> str:
    if integrations < 2:
        return ""
    return f"; the {integrations} integrations share it too, each with a budget of its own"


def _longer_than_stale_after(poll: PollSettings) -> list[str]:
    """The intervals, with their length, that poll.stale_after undercuts.

    That of the API's own document is left out: it is a day unless somebody wants it otherwise.
    """
    if poll.stale_after is None:
        return []
    names = [name for name in PollSettings.model_fields if name.endswith("_interval")]
    names.remove("openapi_interval")
    return [
        f"poll.{name} {format_duration(seconds)}"
        for name in names
        if (seconds := poll.interval(name.removesuffix("_interval"))) > poll.stale_after
    ]
