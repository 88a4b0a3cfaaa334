"""Analytics, usage, stats and the integration, computed from the world's hourly sums."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any, Final

from exporter.simulator.clock import micros
from exporter.simulator.curve import HOUR
from exporter.simulator.lists import BadParameterError
from exporter.simulator.rollup import Hour
from exporter.simulator.service import VERSION, Service
from exporter.simulator.sessions import timestamp

PERIODS: Final = {
    "24h": timedelta(hours=24),
    "7d": timedelta(days=7),
    "30d": timedelta(days=30),
    "90d": timedelta(days=90),
}
METRICS: Final = ("ApiCalls", "Events", "Sessions", "StorageBytes", "BotAnalyses")
_BYTES_PER_EVENT: Final = 180
_TOP_ORIGINS: Final = 10
_EPOCH: Final = date(1970, 1, 1).toordinal()


def _choice(
    parameters: Mapping[str, str], name: str, allowed: tuple[str, ...], default: str
) -> str:
    value = parameters.get(name, default)
    if value not in allowed:
        raise BadParameterError(name, f"must be one of {', '.join(allowed)}")
    return value


def _ratio(part: float, whole: float) -> float:
    return round(part / whole, 4) if whole else 0.0


def analytics(service: Service, parameters: Mapping[str, str], now: datetime) -> dict[str, Any]:
    """The `data` of /v1/analytics, in whole hours; the last bucket is partial.

    Raises BadParameterError.
    """
    period = _choice(parameters, "period", tuple(PERIODS), "7d")
    group = _choice(parameters, "groupBy", ("hour", "day", "week"), "day")
    settings = service.settings
    start = now - min(PERIODS[period], service.tier.history)
    first, last = micros(start) // HOUR, micros(now) // HOUR
    total = Hour()
    series = []
    at = first
    while at <= last:
        following = _next_bucket(at, group)
        bucket = service.world.rollup.between(at, min(following - 1, last))
        total.add(bucket)
        if bucket.sessions or not settings.sparse_buckets:
            series.append(
                {
                    "timestamp": timestamp(at * HOUR),
                    "sessionCount": bucket.sessions,
                    "eventCount": bucket.events,
                    "botCount": bucket.bots,
                    "userMatchedCount": bucket.matched,
                }
            )
        at = following
    return {
        "period": period,
        "groupBy": group,
        "startDate": timestamp(first * HOUR),
        "endDate": timestamp(micros(now)),
        "generatedAt": timestamp(micros(now)),
        "summary": {
            "totalSessions": total.sessions,
            "totalEvents": total.events,
            "uniqueBots": total.fingerprints.bit_count(),
            "uniqueUsers": total.users.bit_count(),
            "averageBotScore": _ratio(total.score_sum, total.scored),
            "averageEventsPerSession": _ratio(total.events, total.sessions),
        },
        "timeSeries": series,
        "botDetection": {
            "highConfidenceBots": total.high,
            "mediumConfidenceBots": total.bots - total.high,
            "lowConfidenceBots": total.low,
            "likelyHumans": total.sessions - total.bots - total.low,
        },
        "userMatching": {
            "totalMatched": total.matched,
            "totalUnmatched": total.sessions - total.matched,
            "matchRate": settings.match_rate_scale * _ratio(total.matched, total.sessions),
            "averageCorrelationConfidence": 0.87 if total.matched else 0.0,
        },
        "topOrigins": [
            {
                "origin": where,
                "sessionCount": count,
                "botPercentage": settings.bot_percentage_scale
                * _ratio(total.bots_by_origin[where], count),
            }
            for where, count in total.sessions_by_origin.most_common(_TOP_ORIGINS)
        ],
        "deviceBreakdown": {
            "mobile": total.devices["mobile"],
            "tablet": total.devices["tablet"],
            "desktop": total.devices["desktop"],
            "browserCounts": dict(total.browsers),
        },
    }


def _next_bucket(hour: int, group: str) -> int:
    """The hour at which the bucket after this hour's begins: UTC days, weeks from Monday."""
    if group == "hour":
        return hour + 1
    if group == "day":
        return (hour // 24 + 1) * 24
    return ((hour // 24 + 3) // 7 * 7 + 4) * 24


def usage(service: Service, parameters: Mapping[str, str], now: datetime) -> dict[str, Any]:
    """The whole body of /v1/usage: rows per UTC day and metric, within the tier's history.

    Raises BadParameterError.
    """
    today = now.date()
    end = _day(parameters, "endDate", today)
    start = _day(parameters, "startDate", today - timedelta(days=30))
    asked = parameters.get("metric", "")
    chosen = [name for name in METRICS if not asked or name.lower() == asked.lower()]
    if not chosen:
        raise BadParameterError("metric", f"must be one of {', '.join(METRICS)}")
    first = max(start, (now - service.tier.history).date())
    oldest = service.world.rollup.oldest
    if oldest is not None:
        first = max(first, date.fromordinal(_EPOCH + oldest // 24))
    rows: list[dict[str, Any]] = []
    totals = dict.fromkeys(chosen, 0)
    for ordinal in range(first.toordinal(), min(end, today).toordinal() + 1):
        values = _consumed(service, ordinal - _EPOCH)
        for name in chosen:
            value = values[name]
            rows.append(
                {
                    "period": date.fromordinal(ordinal).isoformat(),
                    "metricType": name,
                    "value": value,
                }
            )
            totals[name] = value if name == "StorageBytes" else totals[name] + value
    return {
        "startDate": start.isoformat(),
        "endDate": end.isoformat(),
        "data": rows,
        "totals": totals,
    }


def _day(parameters: Mapping[str, str], name: str, default: date) -> date:
    text = parameters.get(name)
    if text is None:
        return default
    try:
        return datetime.fromisoformat(text).date()
    except ValueError as error:
        raise BadParameterError(name, "must be an ISO 8601 date") from error


def _consumed(service: Service, day: int) -> dict[str, int]:
    """What a day (number since the epoch) consumed; storage is what lay there at its end."""
    rollup = service.world.rollup
    sums = rollup.between(day * 24, day * 24 + 23)
    stored = rollup.between(rollup.oldest or 0, day * 24 + 23)
    return {
        "ApiCalls": service.requests.days[day],
        "Events": sums.events,
        "Sessions": sums.sessions,
        "StorageBytes": stored.events * _BYTES_PER_EVENT,
        "BotAnalyses": sums.scored,
    }


def stats(service: Service, now: datetime) -> dict[str, Any]:
    """What /v1/stats tells. Its schema is unknown: strings, lists and odd names are mixed in."""
    total = service.world.rollup.everything()
    return {
        "integrationName": "Synthetic University",
        "totalSessions": total.sessions,
        "totalEvents": total.events,
        "activeSessions": service.world.active,
        "bots": {
            "total": total.bots,
            "high": total.high,
            "medium": total.bots - total.high,
            "share": _ratio(total.bots, total.sessions),
        },
        "users": {"unique": total.users.bit_count(), "matched": total.matched},
        "storage": {"bytes": total.events * _BYTES_PER_EVENT, "tiers": {"hot": {"bytes": 4096}}},
        "sessionsByUser": {"synthetic-user-0001": 3, "Synthetic Student 0002": 4},
        "isSampling": False,
        "pixelVersions": ["3.1", "3.2"],
        "recentCounts": [4, 5, 6],
        "lastEventAt": timestamp(micros(now)),
        "quota": None,
    }


def integration(service: Service) -> dict[str, Any]:
    """What /v1/integration tells of the key's integration."""
    key = service.settings.keys[0] if service.settings.keys else ""
    return {
        "id": "synthetic-integration-1",
        "name": "Synthetic University",
        "apiKeyMasked": f"{key[:7]}…{key[-4:]}",
        "tier": service.settings.tier,
        "region": service.settings.region,
        "apiVersion": VERSION,
        "isActive": True,
    }
