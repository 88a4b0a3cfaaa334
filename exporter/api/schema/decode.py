"""Decoding JSON into models: strict types, unknown fields ignored, errors that name only the field.

Nothing here knows a resource. No text made here holds a value, or a key, that came from the API:
either could be personal data.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from exporter.api.errors import InvalidResponseError
from exporter.api.times import parse_time

INT64_MAX = 2**63 - 1

LARGEST = 2.0**63
"""No number of the API is larger than an int64, whichever its sign."""

MOST_ITEMS = 1_000
"""So many items of one list are read; what is beyond is neither a page nor a breakdown to show."""


def _micros(value: object) -> int:
    if not isinstance(value, str):
        raise ValueError("no string")
    return parse_time(value)


Count = Annotated[int, Field(strict=True, ge=0, le=INT64_MAX)]
"""A number of things: an integer, not a boolean, from 0 to the largest int64."""

Number = Annotated[float, Field(strict=True, allow_inf_nan=False, ge=-LARGEST, le=LARGEST)]
"""A number that is not larger than an int64."""

Micros = Annotated[int, BeforeValidator(_micros, json_schema_input_type=str)]
"""A time as the API writes it, held as microseconds since 1970."""


def number_or_none(value: object, least: float, most: float) -> float | None:
    """`value` as a float; None where it is not a number, or lies outside of [least, most]."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    # Compared before it is converted: an integer may be more than a float can hold.
    return float(value) if least <= value <= most else None


@dataclass(frozen=True, slots=True)
class Items:
    """Marks a list whose items are decoded one by one, so that a bad one costs only itself."""

    shape: "type[Shape]"


class Shape(BaseModel):
    """An object of the API: camelCase outside, snake_case inside; unknown fields are ignored."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
        strict=True,
    )


ShapeT = TypeVar("ShapeT", bound=Shape)


def decoded(shape: type[ShapeT], value: object, resource: str) -> ShapeT:
    """`value` as a `shape`.

    Raises InvalidResponseError, which names the first field at fault and the rule it breaks.
    """
    try:
        return shape.model_validate(value)
    except ValidationError as error:
        raise InvalidResponseError(f"{resource}: {_first_fault(error)}") from None


def decoded_or_none(shape: type[ShapeT], value: object) -> ShapeT | None:
    """`value` as a `shape`, or None: for items of a list, of which a bad one costs only itself."""
    try:
        return shape.model_validate(value)
    except ValidationError:
        return None


def enveloped_object(body: object, resource: str) -> Mapping[str, Any]:
    """The object in an item's envelope, `{"data": {...}}`. Raises InvalidResponseError."""
    data = body.get("data") if isinstance(body, dict) else None
    if not isinstance(data, dict):
        raise InvalidResponseError(f"{resource}: no object in data")
    return data


def object_with_or_without_envelope(body: object, resource: str) -> Mapping[str, Any]:
    """The object of an answer that may or may not be wrapped, as the API does not say.

    Where `data` is an object it is the one, whatever stands beside it: what is added to an envelope
    must not rename what is in it. Raises InvalidResponseError where there is no object, or where
    the envelope holds none.
    """
    if not isinstance(body, dict):
        raise InvalidResponseError(f"{resource}: no object")
    wrapped = body.keys() == {"data"} or isinstance(body.get("data"), dict)
    return enveloped_object(body, resource) if wrapped else body


def _first_fault(error: ValidationError) -> str:
    fault = error.errors(include_url=False, include_context=False, include_input=False)[0]
    path = ".".join(str(step) for step in fault["loc"]) or "the object"
    return f"{path} is not valid ({fault['type']})"
