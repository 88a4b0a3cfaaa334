"""One item of `GET /v1/users`, reduced to what is summed; what names a person is not kept.

The id serves to tell users apart within one walk. Everything else may be null or absent.
"""

import re
from typing import Annotated

from pydantic import Field

from exporter.api.schema.decode import Count, Number, Shape, decoded_or_none
from exporter.api.schema.names import snake_case
from exporter.api.schema.session import LONGEST_ID
from exporter.metrics.model import OTHER

UNKNOWN = "unknown"
"""The risk level of users of whom the API gives none."""

_LEVEL = re.compile(r"(?=.{1,24}\Z)[a-z]+(?:_[a-z]+){0,2}")


class User(Shape):
    """A user as one page gave it."""

    user_id: Annotated[str, Field(min_length=1, max_length=LONGEST_ID)]
    bot_session_count: Count | None = None
    max_bot_score: Number | None = None
    device_count: Count | None = None
    risk_level: str | None = None


def read_user(item: object) -> User | None:
    """`item` as a user; None where it has no id, or a field of a wrong type."""
    return decoded_or_none(User, item)


def risk_label(level: str | None) -> str:
    """`High` and `HIGH` give `high`, `Very High` gives `very_high`.

    Any other word is `other`, and nothing is `unknown`.
    """
    if not level:
        return UNKNOWN
    text = re.sub(r"[ -]", "_", level) if len(level) <= 32 else ""
    name = snake_case(text) if text != text.upper() else text.lower()
    return name if _LEVEL.fullmatch(name) else OTHER
