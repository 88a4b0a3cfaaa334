"""Where in an answer a value stands, and of which kinds it may be: what decoders say of themselves.

A location is `data[].botScore`: a field of the items of a list. Kinds are JSON's: object, array,
string, boolean, and number for whole numbers too. No kind at all means that any will do.
"""

from collections.abc import Iterator, Mapping
from typing import Any, cast, get_args

from exporter.api.schema.decode import Items, Shape

Kinds = frozenset[str]
Locations = Mapping[str, Kinds]

OBJECT = frozenset({"object"})
ARRAY = frozenset({"array"})


def kind_names(schema: Mapping[str, Any]) -> Kinds:
    """The kinds that a JSON schema without references names itself; null is none."""
    given = schema.get("type")
    named = given if isinstance(given, list) else [given]
    kinds = {"number" if name == "integer" else name for name in named if isinstance(name, str)}
    return frozenset(kinds - {"null"})


def inside(location: str, name: str) -> str:
    """The location of a field: `data[]` and `id` give `data[].id`."""
    return f"{location}.{name}" if location else name


def of_shape(shape: type[Shape], location: str = "") -> dict[str, Kinds]:
    """The locations that a decoder reads, in an object that stands at `location`."""
    found = {location: OBJECT} if location else {}
    written = shape.model_json_schema(by_alias=True)["properties"]
    for name, field in shape.model_fields.items():
        alias = field.alias or name
        here = inside(location, alias)
        inner = next(_shapes(field.annotation), None)
        items = next((it.shape for it in field.metadata if isinstance(it, Items)), None)
        if inner is not None:
            found |= of_shape(inner, here)
        elif items is not None:
            found |= {here: ARRAY} | of_shape(items, f"{here}[]")
        else:
            found[here] = _kinds(written[alias])
    return found


def of_fields(fields: Mapping[str, str], location: str) -> dict[str, Kinds]:
    """The same of a decoder that is written out: the kinds of its fields by name."""
    kinds = {inside(location, name): frozenset({kind}) for name, kind in fields.items()}
    return {location: OBJECT, **kinds}


def _shapes(annotation: object) -> Iterator[type[Shape]]:
    for one in (annotation, *get_args(annotation)):
        if isinstance(one, type) and issubclass(one, Shape):
            yield one


def _kinds(schema: Mapping[str, Any]) -> Kinds:
    """The kinds of a field as pydantic writes it: itself, or as one of several."""
    options = cast("list[dict[str, Any]]", schema.get("anyOf", [schema]))
    return frozenset[str]().union(*map(kind_names, options))
