"""An API of recorded answers, and a board that keeps what a collector publishes."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from exporter.api.errors import ApiError
from exporter.collect import registry
from exporter.metrics.model import Metric, Sample
from exporter.metrics.telemetry import Telemetry, dropped_counter
from exporter.polling.collector import Answer

Params = Mapping[str, str]
Recorded = object | ApiError | Callable[[Params], object]


@dataclass
class RecordedApi:
    """Answers by path, or by path and query (`/v1/analytics?period=24h&groupBy=hour`).

    A recorded exception is raised; a callable is asked with the parameters.
    """

    answers: Mapping[str, Recorded]
    server_time: Callable[[], int | None] = lambda: None
    asked: list[str] = field(default_factory=list)

    async def get(self, path: str, params: Params | None = None, *, resource: str) -> Answer:
        query = "&".join(f"{key}={value}" for key, value in (params or {}).items())
        url = f"{path}?{query}" if query else path
        self.asked.append(url)
        left_at = self.server_time()
        answer = self.answers[url] if url in self.answers else self.answers[path]
        if callable(answer):
            answer = answer(params or {})
        if isinstance(answer, ApiError):
            raise answer
        return Answer(answer, left_at)


class Board:
    """What is published now: the samples of each part, a newer set in the place of the older."""

    def __init__(self) -> None:
        self.parts: dict[str, list[Sample]] = {}

    def publish(self, part: str, samples: Iterable[Sample]) -> None:
        self.parts[part] = list(samples)

    def series(self, metric: Metric) -> dict[tuple[str, ...], float]:
        """Values by labels; fails where two parts publish one series."""
        found: dict[tuple[str, ...], float] = {}
        for sample in (sample for part in self.parts.values() for sample in part):
            if sample.metric is metric:
                assert sample.labels not in found
                assert len(sample.labels) == len(metric.labels)
                assert isinstance(sample.value, float)
                found[sample.labels] = sample.value
        return found

    @property
    def label_values(self) -> set[str]:
        return {label for part in self.parts.values() for sample in part for label in sample.labels}


def telemetry() -> Telemetry:
    created = 1_780_000_000.0
    return Telemetry(created, registry.NAMES, dropped_counter(created))
