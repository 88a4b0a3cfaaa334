"""The courses resource: how many there are, and each of their numbers, summed over all of them.

Each poll walks the whole list. One that was not whole publishes nothing.
"""

from collections.abc import Callable

from exporter.api.schema.courses import read_course
from exporter.collect.resource import Context, Resource
from exporter.collect.whole import Seen, most_pages, read_whole
from exporter.metrics import bounds, catalogue
from exporter.metrics.model import Sample
from exporter.metrics.telemetry import Telemetry
from exporter.polling.collector import Api, Publish

MOST_NAMES = 1_000
"""So many numbers are summed; those that come first by the alphabet are shown."""


class Courses:
    """Reads the whole of `/v1/courses`.

    most: how many pages a walk may have.

    `{"courseId": "7", "sessionCount": 9}` adds 1 to `isnotai_courses`, and 9 to
    `isnotai_course_stats{stat="session_count"}`.
    """

    resource = "courses"

    def __init__(self, *, api: Api, telemetry: Telemetry, most: Callable[[], int]) -> None:
        self._api = api
        self._telemetry = telemetry
        self._most = most

    async def update(self, publish: Publish) -> None:
        """Raises ApiError where the walk was not whole."""
        tally = _Tally()
        await read_whole(
            self._api,
            "/v1/courses",
            tally.add,
            resource=self.resource,
            most=self._most(),
            unpaged=True,
        )
        if tally.invalid:
            self._telemetry.invalid_items.inc(self.resource, by=tally.invalid)
        dropped = self._telemetry.dropped
        if tally.beyond:
            dropped.inc(catalogue.COURSE_STATS.name, by=tally.beyond)
        sums = bounds.first_by_name(catalogue.COURSE_STATS, tally.clear_sums(), dropped)
        samples = [Sample(catalogue.COURSES, float(tally.courses))]
        samples += [Sample(catalogue.COURSE_STATS, total, (name,)) for name, total in sums.items()]
        publish(self.resource, samples)


class _Tally:
    """Sums over the courses of one walk. beyond: numbers past MOST_NAMES. invalid: items."""

    def __init__(self) -> None:
        self._seen = Seen()
        self._sums: dict[str, float] = {}
        self._ambiguous: set[str] = set()
        self.courses = self.beyond = self.invalid = 0

    def add(self, item: object) -> None:
        course = read_course(item)
        if course is None:
            self.invalid += 1
            return
        if course.identity is not None and not self._seen.is_new(course.identity):
            return
        self.courses += 1
        self._ambiguous |= course.stats.ambiguous if len(self._ambiguous) < MOST_NAMES else set()
        for name, value in course.stats.values.items():
            if name in self._sums or len(self._sums) < MOST_NAMES:
                self._sums[name] = self._sums.get(name, 0.0) + value
            else:
                self.beyond += 1

    def clear_sums(self) -> dict[str, float]:
        """By name, without those that two paths of one course share."""
        return {name: it for name, it in self._sums.items() if name not in self._ambiguous}


def _collector(context: Context) -> Courses:
    interval = context.settings.poll.courses_interval
    return Courses(
        api=context.api,
        telemetry=context.telemetry,
        most=lambda: most_pages(context.budget, interval),
    )


RESOURCE = Resource("courses", _collector, requests=None, behind=True)
