"""The users resource: how many users there are, and how many look like bots, never one of them.

Each poll walks the whole list. One that was not whole publishes nothing.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterator

from exporter.api.schema.decode import number_or_none
from exporter.api.schema.users import User, read_user, risk_label
from exporter.collect.resource import Context, Resource
from exporter.collect.whole import Seen, most_pages, read_whole
from exporter.log import get_logger
from exporter.metrics import bounds, catalogue
from exporter.metrics.model import Sample
from exporter.metrics.telemetry import Telemetry
from exporter.polling.collector import Api, Publish

log = get_logger(__name__)

_LEVELS = tuple(float(level) for level in catalogue.SCORE_LEVELS)


class Users:
    """Reads the whole of `/v1/users`.

    most: how many pages a walk may have. scale: the bot score of a certain bot.

    Publishes `isnotai_users 1200`, `isnotai_users_by_risk{risk_level="high"} 31` and the like.
    """

    resource = "users"

    def __init__(
        self, *, api: Api, telemetry: Telemetry, most: Callable[[], int], scale: float
    ) -> None:
        self._api = api
        self._telemetry = telemetry
        self._most = most
        self._scale = scale
        self._odd = False

    async def update(self, publish: Publish) -> None:
        """Raises ApiError where the walk was not whole."""
        tally = _Tally(self._scale)
        await read_whole(
            self._api, "/v1/users", tally.add, resource=self.resource, most=self._most()
        )
        if tally.invalid:
            self._telemetry.invalid_items.inc(self.resource, by=tally.invalid)
        if tally.odd and not self._odd:
            log.warning("user_score_out_of_bounds", users=tally.odd, scale=self._scale)
        self._odd = tally.odd > 0
        publish(self.resource, list(self._samples(tally)))

    def _samples(self, tally: "_Tally") -> Iterator[Sample]:
        """Where no user has a field, nothing is known of it; without users all is 0."""
        counted = tally.known["user_id"]
        yield Sample(catalogue.USERS, float(counted))
        if tally.known["bot_session_count"] or not counted:
            yield Sample(catalogue.USERS_WITH_BOT_SESSIONS, float(tally.with_bot_sessions))
        if tally.known["device_count"] or not counted:
            yield Sample(catalogue.USERS_MULTI_DEVICE, float(tally.multi_device))
        if sum(tally.scores) or not counted:
            total = 0
            for level, users in zip(catalogue.SCORE_LEVELS, tally.scores, strict=True):
                total += users
                yield Sample(catalogue.USER_MAX_BOT_SCORE, float(total), (level,))
        metric = catalogue.USERS_BY_RISK
        names = bounds.kept(metric, tally.risks, rank=lambda name: -tally.risks[name])
        risks = bounds.fold((metric,), tally.risks, names, int.__add__, self._telemetry.dropped)
        for level, users in risks.items():
            yield Sample(metric, float(users), (level,))


class _Tally:
    """Sums over the users of one walk, each counted as it was first read.

    known: how many users have a field. scores: not cumulated, by the levels of the catalogue.
    invalid, odd: items that are not users, and scores out of range.
    """

    def __init__(self, scale: float) -> None:
        self._scale = scale
        self._seen = Seen()
        self.known: Counter[str] = Counter()
        self.risks: dict[str, int] = {}
        self.scores = [0] * len(_LEVELS)
        self.with_bot_sessions = self.multi_device = self.invalid = self.odd = 0

    def add(self, item: object) -> None:
        user = read_user(item)
        if user is None:
            self.invalid += 1
        elif self._seen.is_new(hash(user.user_id)):
            self._count(user)

    def _count(self, user: User) -> None:
        self.known.update(name for name in User.model_fields if getattr(user, name) is not None)
        self.with_bot_sessions += (user.bot_session_count or 0) >= 1
        self.multi_device += (user.device_count or 0) >= 2
        level = risk_label(user.risk_level)
        self.risks[level] = self.risks.get(level, 0) + 1
        score = number_or_none(user.max_bot_score, 0.0, self._scale)
        if score is not None:
            self.scores[bisect_left(_LEVELS, score / self._scale)] += 1
        elif user.max_bot_score is not None:
            self.odd += 1


def _collector(context: Context) -> Users:
    settings = context.settings
    return Users(
        api=context.api,
        telemetry=context.telemetry,
        most=lambda: most_pages(context.budget, settings.poll.users_interval),
        scale=settings.sessions.bot_score_scale,
    )


RESOURCE = Resource(
    "users",
    _collector,
    reads=lambda settings: settings.sessions.bot_score_scale,
    requests=None,
    behind=True,
)
