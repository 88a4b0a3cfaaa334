"""The cursor walk: a list, page by page to its last, whatever its order.

`hasMore: false` is the only end. Cursors are opaque, filters are repeated beside them, and a cursor
that is refused or comes round again ends the walk with an error, never quietly.
"""

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import cast

from exporter.api.answer import Answer, Api
from exporter.api.errors import (
    CursorRefusedError,
    EndlessListError,
    InvalidResponseError,
    StatusError,
)
from exporter.api.schema.decode import MOST_ITEMS, number_or_none

PAGINATION = MappingProxyType({"hasMore": "boolean", "nextCursor": "string", "limit": "number"})
"""What is read of a list's pagination, and of which kind it has to be."""

PAGE_SIZE = 100
"""Asked for always; the API clamps it to the tier's cap."""

LONGEST_CURSOR = 16 * 1024
"""Bytes; more fits no request line that servers take."""

MOST_PAGES = 100_000
"""More than an hour of the largest default budget; callers that know theirs say so."""

_REFUSALS = frozenset({400, 404, 409, 410, 422})


@dataclass(frozen=True, slots=True)
class Page:
    """One page. server_time: as in `Answer`. size: the page size that the API really used."""

    items: list[object]
    server_time: int | None
    size: int | None
    last: bool


async def walk(
    api: Api,
    path: str,
    filters: Mapping[str, str],
    *,
    resource: str,
    most: int = MOST_PAGES,
    unpaged: bool = False,
) -> AsyncGenerator[Page, None]:
    """The pages of a list, in the order in which they come.

    unpaged: a list without pagination, to which no cursor led, is whole.
    most: pages; a list that has more is treated as endless. Of cursors only a hash is kept.

    Raises what `Api.get` raises, and

    - EndlessListError after `most` pages;
    - CursorRefusedError if the API refuses its own cursor, or gives one a second time;
    - InvalidResponseError if a page cannot be read, or after the first MOST_ITEMS of a longer one.
    """
    cursor: str | None = None
    seen: set[int] = set()
    while True:
        params = {**filters, "pageSize": str(PAGE_SIZE)}
        if cursor is not None:
            params["cursor"] = cursor
        try:
            answer = await api.get(path, params, resource=resource)
        except StatusError as error:
            if cursor is not None and error.status in _REFUSALS:
                raise CursorRefusedError(f"the API answered {error.status} to a cursor") from None
            raise
        page, cursor = _page(answer, first=cursor is None, unpaged=unpaged)
        too_long = len(page.items) > MOST_ITEMS
        yield replace(page, items=page.items[:MOST_ITEMS]) if too_long else page
        if too_long:
            raise InvalidResponseError(f"a page of more than {MOST_ITEMS} items")
        if cursor is None:
            return
        if hash(cursor) in seen:
            raise CursorRefusedError("a cursor came round again")
        seen.add(hash(cursor))
        if len(seen) >= most:
            raise EndlessListError(f"the list does not end within {most} pages")


def _page(answer: Answer, *, first: bool, unpaged: bool) -> tuple[Page, str | None]:
    """The page, and the cursor of the next; None on the last.

    first: no cursor led there. An empty list may then be written as no content, as `data: null`
    or without pagination; what a cursor leads to has to say that nothing follows.
    """
    envelope = cast("dict[str, object]", answer.body) if isinstance(answer.body, dict) else {}
    items, pagination = envelope.get("data"), envelope.get("pagination")
    nothing = answer.body is None or ("data" in envelope and not items and pagination is None)
    if first and nothing and (items is None or isinstance(items, list)):
        return Page([], answer.server_time, None, True), None
    if items is None and "data" in envelope:
        items = []
    if unpaged and first and isinstance(items, list) and pagination is None:
        return Page(cast("list[object]", items), answer.server_time, None, True), None
    if not isinstance(items, list) or not isinstance(pagination, dict):
        raise InvalidResponseError("a list without data or pagination")
    more, cursor, size = (pagination.get(name) for name in PAGINATION)
    if not isinstance(more, bool):
        raise InvalidResponseError("pagination without hasMore")
    if more and (not isinstance(cursor, str) or not _can_be_sent(cursor)):
        raise InvalidResponseError("hasMore without a nextCursor that can be sent back")
    whole = isinstance(size, int) and number_or_none(size, 1, MOST_ITEMS) is not None
    page = Page(
        cast("list[object]", items),
        answer.server_time,
        cast("int", size) if whole else None,
        not more,
    )
    return page, cast("str", cursor) if more else None


def _can_be_sent(cursor: str) -> bool:
    """Whether a URL can carry it: JSON can write what UTF-8 cannot."""
    try:
        size = len(cursor.encode())
    except UnicodeEncodeError:
        return False
    return 0 < size <= LONGEST_CURSOR
