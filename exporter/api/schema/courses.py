"""One item of `GET /v1/courses`: a schema nobody knows, so it is told apart and its numbers read.

Which field is its id is unknown as well. What could be one tells an item from the others and is
never a number to sum.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from exporter.api.schema.names import snake_case
from exporter.api.schema.stats import Stats, read_numbers

_IDS = frozenset({"id", "ids", "guid", "uuid"})


@dataclass(frozen=True, slots=True)
class Course:
    """identity: a hash, for telling items apart within one walk; None where it has nothing to.

    stats: its numbers by path.
    """

    identity: int | None
    stats: Stats


def read_course(item: object) -> Course | None:
    """`item` as a course: an object, or its id or name alone; None where it is neither."""
    if isinstance(item, dict):
        fields = cast("dict[str, Any]", item)
        return Course(_identity(fields), read_numbers(fields, skipped=is_id))
    if isinstance(item, str) or (isinstance(item, int) and not isinstance(item, bool)):
        return Course(hash(item), Stats({}, frozenset()))
    return None


def is_id(key: str) -> bool:
    """Whether a field of that name is an id: `id`, `courseId`, `course_id`, `sectionIds`, `ID`."""
    return snake_case(key).rpartition("_")[2] in _IDS


def _identity(fields: Mapping[str, Any]) -> int | None:
    """Of its ids, or where it has none of its texts; ids of others it may have, too."""
    plain = {key: it for key, it in fields.items() if isinstance(it, str | int)}
    ids = tuple(sorted((key, str(it)) for key, it in plain.items() if is_id(key)))
    texts = tuple(sorted((key, it) for key, it in plain.items() if isinstance(it, str)))
    return hash(ids or texts) if ids or texts else None
