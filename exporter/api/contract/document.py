"""An OpenAPI document (3.0 or 3.1) as far as it is needed, read as if it came from an attacker.

References are followed for a few steps, alternatives are joined, and whatever is not as the
specification has it says nothing. Nothing here knows what the exporter reads.
Source: https://spec.openapis.org/oas/v3.1.0
"""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, cast
from urllib.parse import urlsplit

from exporter.api.contract.locations import Kinds, inside, kind_names
from exporter.api.errors import InvalidResponseError

MOST_STEPS = 20_000
"""Of all that one document has to be asked for; references may lead round in circles."""

MOST_HOPS = 16
MOST_LOCATIONS = 2_000

Json = Mapping[str, Any]
_NOTHING: Json = {}


@dataclass(slots=True)
class Place:
    """What is said of one location: all its schemas joined.

    kinds: none where nothing is said. values: of an enumeration, if there is one.
    closed: its fields are named, so that one without a name is not there.
    """

    kinds: Kinds = frozenset()
    values: frozenset[str] = frozenset()
    fields: dict[str, list[Json]] = field(default_factory=dict)
    items: list[Json] = field(default_factory=list)
    closed: bool = False
    maximum: float | None = None
    words: str = ""


@dataclass(frozen=True, slots=True)
class Parameter:
    """A query parameter. values: of its enumeration."""

    name: str
    required: bool
    values: frozenset[str]


class Document:
    """Raises InvalidResponseError where `body` is not one, or too tangled to be read."""

    def __init__(self, body: object) -> None:
        if not isinstance(body, dict) or not isinstance(body.get("paths"), dict):
            raise InvalidResponseError("openapi: no paths")
        self._body: Json = body
        self._steps = 0
        self._prefixes = {"", *self._server_paths()}
        self._paths: dict[str, Json] = {}
        for path, item in body["paths"].items():
            for prefix in self._prefixes:
                self._paths.setdefault(_normal(prefix + path), self._object(item))

    def _server_paths(self) -> Iterator[str]:
        servers = self._body.get("servers")
        for server in servers[:4] if isinstance(servers, list) else ():
            url = server.get("url") if isinstance(server, dict) else None
            try:
                # Bounded: taking an address apart normalises it, which is not linear.
                yield urlsplit(url[:500]).path.rstrip("/") if isinstance(url, str) else ""
            except ValueError:
                continue

    def paths(self) -> list[str]:
        """The paths as they are written, of what can be asked by GET."""
        given = cast("dict[str, Any]", self._body["paths"])
        return [path for path, item in given.items() if "get" in self._object(item)]

    def has(self, path: str) -> bool:
        """Whether the path can be asked by GET, whatever its parts in braces are called."""
        return "get" in self._item(path)

    def unknown(self, known: Collection[str]) -> list[str]:
        """The paths that are none of those, whatever prefix the servers put before them."""
        names = {_normal(path) for path in known}
        return [
            path
            for path in self.paths()
            if not any(_normal(prefix + path) in names for prefix in self._prefixes)
        ]

    def parameters(self, path: str) -> list[Parameter]:
        """The query parameters of a path."""
        given = [self._item(path).get("parameters"), self._operation(path).get("parameters")]
        found = [self._object(it) for part in given if isinstance(part, list) for it in part]
        return [
            Parameter(it["name"], it.get("required") is True, self.place([it.get("schema")]).values)
            for it in found
            if it.get("in") == "query" and isinstance(it.get("name"), str)
        ]

    def words(self, path: str) -> str:
        """What is said of a path in words."""
        operation = self._operation(path)
        return " ".join(str(operation.get(name, "")) for name in ("summary", "description"))

    def answer(self, path: str) -> list[Json]:
        """The schema of the path's good answer; nothing where none is given."""
        responses = self._object(self._operation(path).get("responses"))
        good = next((responses[it] for it in ("200", "2XX", "default") if it in responses), None)
        content = self._object(self._object(good).get("content"))
        kinds = sorted(content, key=lambda kind: ("json" not in kind, kind))
        schema = self._object(content[kinds[0]]).get("schema") if kinds else None
        return [schema] if isinstance(schema, dict) else []

    def place(self, schemas: list[Any]) -> Place:
        """What several schemas say together of one location."""
        place = Place()
        for schema in schemas:
            self._join(place, schema, MOST_HOPS)
        if not place.kinds:
            implied = {"object"} if place.fields else {"array"} if place.items else set[str]()
            place.kinds = frozenset(implied)
        return place

    def locations(self, schemas: list[Any], most: int = MOST_LOCATIONS) -> dict[str, Place]:
        """All locations of an answer, at most five names deep; for those nobody knew."""
        found: dict[str, Place] = {}
        waiting = [("", schemas, 0)]
        while waiting and len(found) < most:
            location, given, depth = waiting.pop()
            place = self.place(given)
            found[location] = place
            if depth <= 4:
                inner = place.fields.items()
                waiting += [(inside(location, name), it, depth + 1) for name, it in inner]
                waiting += [(f"{location}[]", place.items, depth)] if place.items else []
        return found

    def _item(self, path: str) -> Json:
        return self._paths.get(_normal(path), _NOTHING)

    def _operation(self, path: str) -> Json:
        """What is said of asking for the path by GET."""
        return self._object(self._item(path).get("get"))

    def _join(self, place: Place, schema: Any, hops: int) -> None:
        schema = self._object(schema)
        if not schema or not hops:
            return
        place.kinds |= kind_names(schema)
        values = schema.get("enum")
        if isinstance(values, list):
            place.values |= {it for it in values if isinstance(it, str)}
        fields = schema.get("properties")
        if isinstance(fields, dict):
            place.closed = True
            for name, inner in fields.items():
                place.fields.setdefault(name, []).append(inner)
        if isinstance(schema.get("items"), dict):
            place.items.append(schema["items"])
        maximum = schema.get("maximum")
        if isinstance(maximum, int | float) and not isinstance(maximum, bool):
            place.maximum = float(maximum) if abs(maximum) < 2**63 else None
        if isinstance(schema.get("description"), str):
            place.words += " " + schema["description"][:1000]
        for name in ("allOf", "anyOf", "oneOf"):
            parts = schema.get(name)
            for part in parts if isinstance(parts, list) else ():
                self._join(place, part, hops - 1)

    def _object(self, value: Any) -> Json:
        """`value`, or what it refers to, where that is an object; else an empty one."""
        for _ in range(MOST_HOPS):
            self._steps += 1
            if self._steps > MOST_STEPS:
                raise InvalidResponseError("openapi: too tangled to be read")
            if not isinstance(value, dict):
                return _NOTHING
            target = value.get("$ref")
            if not isinstance(target, str):
                return cast("Json", value)
            # What stands beside a reference counts as well (3.1), above all a description.
            rest = {name: it for name, it in value.items() if name != "$ref"}
            found = self._referred(target)
            value = {**found, **rest} if isinstance(found, dict) else _NOTHING
        return _NOTHING

    def _referred(self, target: str) -> Any:
        """What a reference within the document leads to."""
        value: Any = self._body
        if not target.startswith("#/") or target.count("/") > 8:
            return None
        for part in target[2:].split("/"):
            name = part.replace("~1", "/").replace("~0", "~")
            value = value.get(name) if isinstance(value, dict) else None
        return value


def _normal(path: str) -> str:
    """Paths that mean the same are equal: names in braces, case and a last slash do not matter."""
    return re.sub(r"\{[^{}]*\}", "{}", path).rstrip("/").lower()
