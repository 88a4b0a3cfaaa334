"""The openapi resource: the API's own description of itself, against what the exporter reads.

It needs no key. A change is shown and logged; nothing is read differently because of it.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from exporter.api.body import KIB, Bounds
from exporter.api.contract.compare import Change, changes
from exporter.api.contract.document import Document
from exporter.api.contract.told import Told, told
from exporter.api.schema.flags import is_label
from exporter.collect.resource import Context, Resource
from exporter.log import get_logger
from exporter.metrics import catalogue
from exporter.metrics.model import Sample
from exporter.polling.collector import Api, Publish
from exporter.settings.model import Settings

log = get_logger(__name__)

MOST_LOGGED = 50
"""Changes with a log line of their own."""


_REMEDIES = {
    "added": "",
    "removed": "a newer exporter may know the change",
    "changed": "a newer exporter may know the change",
}


@dataclass(frozen=True, slots=True)
class Note:
    """Something that the document tells, for people. remedy: what to do, if anything."""

    text: str
    remedy: str = ""

    @property
    def warns(self) -> bool:
        """Whether something is to be done."""
        return bool(self.remedy)


class OpenApi:
    """Reads `/openapi/v3.json`.

    guesses: by the name of a setting what it says of the API, where the documentation is silent.
    max_flags: how many flags have a series of their own.

    Publishes `isnotai_api_schema_known 1` and `isnotai_api_schema_changes{kind="added"} 2`.
    """

    resource = "openapi"

    def __init__(self, *, api: Api, guesses: Mapping[str, str], max_flags: int) -> None:
        self._api = api
        self._guesses = guesses
        self._max_flags = max_flags
        self._logged: tuple[list[Change], Told] | None = None
        self.notes: tuple[Note, ...] = ()
        """What the document tells, for people; nothing before it was read."""

    async def update(self, publish: Publish) -> None:
        """Raises ApiError."""
        answer = await self._api.get("/openapi/v3.json", resource=self.resource)
        document = Document(answer.body)
        found, tells = changes(document), told(document)
        kinds = Counter[str](change.kind for change in found)
        known = not kinds["removed"] and not kinds["changed"]
        publish(
            self.resource,
            [
                Sample(catalogue.API_SCHEMA_KNOWN, float(known)),
                *(
                    Sample(catalogue.API_SCHEMA_CHANGES, float(kinds[kind]), (kind,))
                    for kind in catalogue.SCHEMA_CHANGES
                ),
            ],
        )
        self.notes = tuple(self._notes(found, tells))
        if (found, tells) != self._logged:
            self._logged = (found, tells)
            self._log(found, tells)

    def _log(self, found: list[Change], tells: Told) -> None:
        """A line for each change and each difference, once for as long as they stay the same."""
        for change in found[:MOST_LOGGED]:
            write = log.info if change.kind == "added" else log.warning
            write("api_schema_changed", kind=change.kind, what=change.what)
        if len(found) > MOST_LOGGED:
            log.warning("api_schema_changed", message=f"and {len(found) - MOST_LOGGED} more")
        for setting, (ours, theirs) in self._differences(tells).items():
            log.warning("api_schema_differs", setting=setting, set=ours, told=theirs)
        for text in self._facts(tells):
            log.info("api_schema_told", message=text)

    def _notes(self, found: list[Change], tells: Told) -> Iterator[Note]:
        for change in found[:MOST_LOGGED]:
            yield Note(f"{change.kind}: {change.what}", _REMEDIES[change.kind])
        for setting, (ours, theirs) in self._differences(tells).items():
            text = f"{setting} is {ours}, but the API's document says {theirs}"
            yield Note(text, f"set {setting} by it")
        yield from map(Note, self._facts(tells))

    def _differences(self, tells: Told) -> dict[str, tuple[str, str]]:
        """The settings that guess what the document tells otherwise: as set, and as told."""
        differing = {
            name: (self._guesses[name], theirs)
            for name, theirs in tells.settings.items()
            if self._guesses[name] != theirs
        }
        if tells.flags is not None and len(tells.flags) > self._max_flags:
            differing["sessions.max_flags"] = (f"{self._max_flags}", f"{len(tells.flags)} flags")
        return differing

    def _facts(self, tells: Told) -> Iterator[str]:
        if tells.flags is not None:
            hidden = sum(not is_label(flag) for flag in tells.flags)
            yield f"{len(tells.flags)} detection flags are listed, {hidden} of them shown as other"
        if tells.order:
            yield f"sessions are listed {tells.order}"
        for path, fields in tells.described.items():
            if fields:
                yield f"the answer of {path} is described, with {fields} fields"


def guesses(settings: Settings) -> dict[str, str]:
    """The settings that say what the documentation leaves open."""
    return {
        "analytics.bot_percentage_scale": f"{settings.analytics.bot_percentage_scale:g}",
        "analytics.bucket_timestamp": settings.analytics.bucket_timestamp,
        "sessions.bot_score_scale": f"{settings.sessions.bot_score_scale:g}",
    }


def _collector(context: Context) -> OpenApi:
    settings = context.settings
    return OpenApi(
        api=context.api, guesses=guesses(settings), max_flags=settings.sessions.max_flags
    )


RESOURCE = Resource(
    "openapi",
    _collector,
    reads=lambda settings: (guesses(settings), settings.sessions.max_flags),
    bounds=Bounds(2048 * KIB, 60_000),
    keyless=True,
)
