"""The live document against what is read: what was removed, what changed, what is new.

Only what the document describes is compared: an answer without a schema says nothing.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from exporter.api.contract.document import Document, Place
from exporter.api.contract.locations import inside
from exporter.api.contract.reads import DOCUMENTED, READS, Endpoint
from exporter.api.errors import InvalidResponseError

Kind = Literal["added", "removed", "changed"]

_SHOWN = re.compile(r"[A-Za-z0-9_.$\[\]{}/-]{1,120}")


@dataclass(frozen=True, slots=True, order=True)
class Change:
    """what: the endpoint, and what of it, in names that may be shown."""

    kind: Kind
    what: str


def changes(document: Document) -> list[Change]:
    """All changes, in a stable order. Raises InvalidResponseError for a document of another API."""
    if not any(document.has(endpoint.path) for endpoint in READS):
        raise InvalidResponseError("openapi: none of the endpoints that are read")
    found: set[Change] = set()
    for endpoint in READS:
        if not document.has(endpoint.path):
            found.add(Change("removed", f"GET {endpoint.path}"))
            continue
        found.update(_parameters(document, endpoint))
        found.update(_answer(document, endpoint))
    known = [endpoint.path for endpoint in READS] + list(DOCUMENTED)
    found.update(Change("added", f"GET {_name(path)}") for path in document.unknown(known))
    return sorted(found)


def _parameters(document: Document, endpoint: Endpoint) -> Iterator[Change]:
    """Where no query parameter is described at all, nothing is said of them."""
    described = {it.name.lower(): it for it in document.parameters(endpoint.path)}
    sent = {name.lower(): name for name in endpoint.sent}
    where = f"GET {endpoint.path}: parameter "
    for low, name in sent.items() if described else ():
        if low not in described:
            yield Change("removed", where + name)
        elif described[low].values and not _lower(endpoint.sent[name]) <= _lower(
            described[low].values
        ):
            yield Change("changed", f"{where}{name} lacks a value that is documented")
    unsent = {name.lower() for name in endpoint.unsent}
    for low, parameter in described.items():
        if low not in sent and parameter.required:
            yield Change("changed", f"{where}{_name(parameter.name)} is required")
        elif low not in sent and low not in unsent:
            yield Change("added", where + _name(parameter.name))


def _answer(document: Document, endpoint: Endpoint) -> Iterator[Change]:
    """Location by location, from the outside: what lies below one that is missing is not named."""
    schemas = document.answer(endpoint.path)
    if not schemas or not endpoint.answer:
        return
    places: dict[str, Place] = {"": document.place(schemas)}
    where = f"GET {endpoint.path}: "
    for location, kinds in endpoint.answer.items():
        outer, name = _outer(location)
        above = places.get(outer)
        if above is None or (name and not above.closed) or (not name and not above.items):
            continue
        if name and name not in above.fields:
            yield Change("removed", where + location)
            continue
        place = document.place(above.fields[name] if name else above.items)
        if kinds and place.kinds and not kinds & place.kinds:
            told, read = "/".join(sorted(map(_name, place.kinds))), "/".join(sorted(kinds))
            yield Change("changed", f"{where}{location} is {told}, read as {read}")
            continue
        places[location] = place
        needed = endpoint.needs.get(location)
        if needed and place.values and not any(map(needed, place.values)):
            yield Change("changed", f"{where}{location} knows none of the values that are read")
    yield from _additions(endpoint, places)


def _additions(endpoint: Endpoint, places: dict[str, Place]) -> Iterator[Change]:
    """Fields that nobody knew, of objects whose fields are known."""
    parents = {_outer(location)[0] for location in endpoint.answer}
    for location in sorted(parents & places.keys()):
        for name in places[location].fields:
            here = inside(location, name)
            if here not in endpoint.answer and here not in endpoint.unread:
                yield Change("added", f"GET {endpoint.path}: {_name(here)}")


def _outer(location: str) -> tuple[str, str]:
    """The location round it, and its name there; no name for the items of a list."""
    if location.endswith("[]"):
        return location[:-2], ""
    outer, _, name = location.rpartition(".")
    return outer, name


def _lower(words: Iterable[str]) -> set[str]:
    return {word.lower() for word in words}


def _name(text: str) -> str:
    return text if _SHOWN.fullmatch(text) else "(a name that cannot be shown)"
