"""The cases of the alerts on single things that go wrong."""

from tests.alerts.promtool import CAMPUS, TARGET, Case, Firing, Story, named, rising, steady
from tests.alerts.series import API_UP, SITE, STATS

COMMITTED, READ = "isnotai_exporter_state_last_commit_timestamp_seconds", "isnotai_resource_up"
COMMIT = named(COMMITTED, TARGET)
SESSIONS_UP = named(READ, resource="sessions")
SESSIONS_READ = named("isnotai_resource_last_success_timestamp_seconds", resource="sessions")


def requests(good: float, throttled: float, minutes: int) -> dict[str, str]:
    """Counters of requests that grow so much a minute."""
    return {
        named("isnotai_api_requests_total", resource="sessions", code="200"): rising(good, minutes),
        named("isnotai_api_requests_total", resource="sessions", code="429"): rising(
            throttled, minutes
        ),
    }


def otlp(good: float, bad: float, minutes: int, **where: str) -> dict[str, str]:
    """Counters of OTLP exports that grow so much a minute."""
    name = "isnotai_exporter_otlp_exports_total"
    return {
        named(name, TARGET, outcome="success", **where): rising(good, minutes),
        named(name, TARGET, outcome="failure", **where): rising(bad, minutes),
    }


def schema(**kinds: str) -> dict[str, str]:
    """Differences between the API's own document and what is read."""
    return {named("isnotai_api_schema_changes", kind=kind): it for kind, it in kinds.items()}


STORIES = (
    Story(
        "NotAIThrottled",
        "warning",
        "operations",
        "notai-usage",
        (
            Case(
                "fires",
                "a tenth of the requests is throttled",
                requests(9, 1, 60),
                {
                    30: [
                        Firing(
                            CAMPUS,
                            "The API throttles the exporter for campus",
                            "10% of the requests of a:10984 were answered with 429 in the last "
                            "15 min.",
                        )
                    ]
                },
            ),
            Case("boundary", "exactly 5 %", requests(19, 1, 60), {50: []}),
            Case("silent", "one of ten in a quarter of an hour", requests(0.6, 0.07, 60), {50: []}),
            Case("silent", "never", requests(20, 0, 60), {50: []}),
        ),
    ),
    Story(
        "NotAIAnswersUndecodable",
        "warning",
        "operations",
        "notai-exporter",
        (
            Case(
                "fires",
                "items and answers together exceed 10 an hour",
                {
                    named("isnotai_api_invalid_items_total", **STATS): rising(0.1, 120),
                    named("isnotai_api_invalid_responses_total", **STATS): rising(0.2, 120),
                },
                {
                    100: [
                        Firing(
                            {**SITE, **STATS},
                            "Answers on stats do not decode for campus",
                            "18 answers or items on stats could not be decoded in the last hour, "
                            "and are not counted.",
                        )
                    ]
                },
            ),
            Case(
                "boundary",
                "nine an hour",
                {
                    named("isnotai_api_invalid_items_total", **STATS): rising(0.1, 120),
                    named("isnotai_api_invalid_responses_total", **STATS): rising(0.05, 120),
                },
                {110: []},
            ),
            Case(
                "fires",
                "two clusters have the same names, and one view shows both",
                {
                    named(f"isnotai_api_invalid_{kind}_total", **STATS, cluster=cluster): rising(
                        grown, 120
                    )
                    for cluster in ("east", "west")
                    for kind, grown in (("items", 0), ("responses", 0.3))
                },
                {
                    100: [
                        Firing(
                            {**SITE, **STATS, "cluster": cluster},
                            "Answers on stats do not decode for campus",
                            "18 answers or items on stats could not be decoded in the last hour, "
                            "and are not counted.",
                        )
                        for cluster in ("east", "west")
                    ]
                },
            ),
            Case(
                "silent",
                "none",
                {
                    named("isnotai_api_invalid_items_total", **STATS): steady(40, 120),
                    named("isnotai_api_invalid_responses_total", **STATS): steady(0, 120),
                },
                {110: []},
            ),
        ),
    ),
    Story(
        "NotAILabelBoundHit",
        "info",
        "operations",
        "notai-exporter",
        (
            Case(
                "fires",
                "origins are folded at each poll",
                {
                    named(
                        "isnotai_exporter_series_dropped_total",
                        TARGET,
                        family="isnotai_analytics_origin_sessions",
                    ): rising(1, 60)
                },
                {
                    30: [
                        Firing(
                            {**TARGET, "family": "isnotai_analytics_origin_sessions"},
                            "isnotai_analytics_origin_sessions has more label values than its "
                            "bound",
                            "a:10984 folded label values of isnotai_analytics_origin_sessions "
                            "into other, or left them out, in the last hour.",
                        )
                    ]
                },
            ),
            Case(
                "boundary",
                "more than an hour ago",
                {
                    named(
                        "isnotai_exporter_series_dropped_total", TARGET, family="isnotai_stats"
                    ): "0 5x120"
                },
                {62: []},
            ),
            Case(
                "silent",
                "no bound is hit",
                {
                    named(
                        "isnotai_exporter_series_dropped_total", TARGET, family="isnotai_stats"
                    ): "0x60"
                },
                {50: []},
            ),
        ),
    ),
    Story(
        "NotAIStateNotCommitted",
        "critical",
        "operations",
        "notai-exporter",
        (
            Case(
                "fires",
                "sessions are read, and nothing is committed",
                {COMMIT: rising(60, 30, -901), SESSIONS_UP: "1x30"},
                {
                    5: [
                        Firing(
                            TARGET,
                            "Exporter a:10984 cannot commit its state",
                            "The API answers, but a:10984 of job isnotai has committed nothing "
                            "for 15 min or more: counters stand still.",
                        )
                    ]
                },
            ),
            Case(
                "fires",
                "the state could never be opened",
                {API_UP: "1x30", SESSIONS_READ: "0x30", SESSIONS_UP: "0x30"},
                {
                    5: [
                        Firing(
                            TARGET,
                            "Exporter a:10984 cannot commit its state",
                            "The API answers, but a:10984 of job isnotai has committed nothing "
                            "for 15 min or more: counters stand still.",
                        )
                    ]
                },
            ),
            Case(
                "fires",
                "in one cluster, where the other's of that name commits",
                {
                    named(COMMITTED, TARGET, cluster="east"): rising(60, 30, -901),
                    named(COMMITTED, TARGET, cluster="west"): rising(60, 30),
                    named(READ, resource="sessions", cluster="east"): "1x30",
                    named(READ, resource="sessions", cluster="west"): "1x30",
                },
                {
                    5: [
                        Firing(
                            {**TARGET, "cluster": "east"},
                            "Exporter a:10984 cannot commit its state",
                            "The API answers, but a:10984 of job isnotai has committed nothing "
                            "for 15 min or more: counters stand still.",
                        )
                    ]
                },
            ),
            Case(
                "boundary",
                "the last commit is exactly 15 min old",
                {COMMIT: rising(60, 30, -900), SESSIONS_UP: "1x30"},
                {20: []},
            ),
            Case(
                "silent",
                "there is nothing to commit: the API does not answer",
                {COMMIT: steady(0, 90), SESSIONS_UP: "0x90", API_UP: "0x90"},
                {80: []},
            ),
            Case(
                "silent",
                "sessions are not polled",
                {API_UP: "1x30"},
                {20: []},
            ),
        ),
    ),
    Story(
        "NotAIApiContractChanged",
        "warning",
        "operations",
        "notai-exporter",
        (
            Case(
                "fires",
                "a field that is read was removed",
                schema(removed="2x40", changed="0x40", added="5x40"),
                {
                    16: [
                        Firing(
                            {**SITE, "kind": "removed"},
                            "What is read of the API was removed for campus",
                            "By the API's own document, 2 of the endpoints, parameters and fields "
                            "that the exporter reads were removed.",
                        )
                    ]
                },
            ),
            Case(
                "boundary",
                "for less than 15 min",
                schema(removed="0x40", changed="1x40", added="0x40"),
                {14: []},
            ),
            Case(
                "silent",
                "there is only more than before",
                schema(removed="0x40", changed="0x40", added="7x40"),
                {30: []},
            ),
        ),
    ),
    Story(
        "NotAIReloadFailed",
        "warning",
        "operations",
        "notai-exporter",
        (
            Case(
                "fires",
                "the last reload failed",
                {named("isnotai_exporter_config_last_reload_successful", TARGET): "0x30"},
                {
                    5: [
                        Firing(
                            TARGET,
                            "Exporter a:10984 runs with old settings",
                            "The last reload of a:10984 failed; it keeps the settings from before.",
                        )
                    ]
                },
            ),
            Case(
                "boundary",
                "for less than 5 min",
                {named("isnotai_exporter_config_last_reload_successful", TARGET): "0x30"},
                {4: []},
            ),
            Case(
                "silent",
                "it went well",
                {named("isnotai_exporter_config_last_reload_successful", TARGET): "1x30"},
                {20: []},
            ),
        ),
    ),
    Story(
        "NotAIOtlpFailing",
        "warning",
        "operations",
        "notai-exporter",
        (
            Case(
                "fires",
                "most exports fail",
                otlp(1, 3, 60),
                {
                    30: [
                        Firing(
                            TARGET,
                            "OTLP exports of a:10984 fail",
                            "75% of the OTLP exports of a:10984 failed in the last 15 min.",
                        )
                    ]
                },
            ),
            Case(
                "fires",
                "those of one cluster, where the other's of that name go well",
                otlp(1, 3, 60, cluster="east") | otlp(4, 0, 60, cluster="west"),
                {
                    30: [
                        Firing(
                            {**TARGET, "cluster": "east"},
                            "OTLP exports of a:10984 fail",
                            "75% of the OTLP exports of a:10984 failed in the last 15 min.",
                        )
                    ]
                },
            ),
            Case("boundary", "exactly half of them", otlp(2, 2, 60), {50: []}),
            Case("silent", "OTLP is off", {API_UP: "1x60"}, {50: []}),
        ),
    ),
)
