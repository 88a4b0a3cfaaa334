"""The rows about polls: whether the API is read, how fast, and how old what was read is."""

from dashboards.generate.panels import (
    BLUE,
    GREY,
    ORANGE,
    VERMILLION,
    Column,
    Query,
    Row,
    lines,
    stat,
    table,
    words,
)
from dashboards.generate.queries import NO_EXPORTER, hourly, of, site
from dashboards.generate.reading import SITE_COLUMNS

_ALL_POLLS = hourly(of("isnotai_polls_total"))
_SKIPPED = hourly(of("isnotai_polls_total", 'outcome="skipped"'))
_NO_2XX = of("isnotai_api_requests_total", 'code!~"2.."')
_READER = ("instance", "resource")
_LAST_SUCCESS = site(of("isnotai_resource_last_success_timestamp_seconds"), *_READER)
FAILED = hourly(of("isnotai_polls_total", 'outcome="failure"'))


def _quantile(quantile: str, metric: str) -> str:
    rate = hourly(of(f"{metric}_bucket"))
    return f"histogram_quantile({quantile}, sum by (resource, le) ({rate}))"


def _by_resource(metric: str) -> str:
    return f"sum by (resource) ({hourly(of(metric))})"


RESOURCES = Row(
    "Resources: rate, errors, duration",
    8,
    (
        lines(
            "Polls",
            "Polls in the hour before by resource, whatever their outcome: at the default "
            "intervals 60, 12 or 4 of each. A line at 0 is a resource that is stuck.",
            "short",
            Query(f"sum by (resource) ({_ALL_POLLS})", "{{resource}}"),
            width=8,
            decimals=0,
            empty=NO_EXPORTER,
        ),
        lines(
            "Failed and skipped polls",
            "In the hour before: polls that failed, by resource, and those of all resources that "
            "were skipped because the one before still ran.",
            "short",
            Query(f"sum by (resource) ({FAILED})", "{{resource}}"),
            Query(f"sum ({_SKIPPED})", "skipped", GREY, dashed=True),
            width=8,
            decimals=0,
            empty=NO_EXPORTER,
        ),
        lines(
            "Poll duration, 99th percentile",
            "How long the slowest polls of the hour before took, waits for the request budget "
            "included.",
            "s",
            Query(_quantile("0.99", "isnotai_poll_duration_seconds"), "{{resource}}"),
            width=8,
            empty=NO_EXPORTER,
        ),
    ),
)

API = Row(
    "The API's answers",
    8,
    (
        lines(
            "Answer time, 99th percentile",
            "How long the API took for one request, by resource, in the hour before.",
            "s",
            Query(_quantile("0.99", "isnotai_api_request_duration_seconds"), "{{resource}}"),
            width=8,
            empty=NO_EXPORTER,
        ),
        lines(
            "Requests without a good answer",
            "Requests that got no 2xx in the hour before, by code; timeout and connection: no "
            "answer.",
            "short",
            Query(f"sum by (code) ({hourly(_NO_2XX)})", "{{code}}"),
            width=8,
            decimals=0,
            empty="every request got a good answer",
        ),
        lines(
            "Undecodable answers and items",
            "In the hour before, by resource: 2xx answers that did not decode, and list items "
            "skipped for it. An item skipped of sessions is a session that is not counted.",
            "short",
            Query(
                _by_resource("isnotai_api_invalid_responses_total")
                + " + "
                + _by_resource("isnotai_api_invalid_items_total"),
                "{{resource}}",
            ),
            width=8,
            decimals=0,
            empty=NO_EXPORTER,
        ),
    ),
)

STALENESS = Row(
    "Staleness",
    8,
    (
        table(
            "Resources",
            "Each resource of each integration: whether its last attempt was answered well, how "
            "long ago one was, and how many failed since. Gauges of a resource go away after "
            "five intervals.",
            (("instance", "Instance"), *SITE_COLUMNS, ("resource", "Resource")),
            Column(
                "Up",
                site(of("isnotai_resource_up"), *_READER),
                "bool_yes_no",
                ((None, VERMILLION), (1, BLUE)),
            ),
            Column(
                "Last success",
                f"time() - ({_LAST_SUCCESS} > 0)",
                "s",
                decimals=0,
            ),
            Column(
                "Failures since",
                site(of("isnotai_resource_consecutive_failures"), *_READER),
                "short",
                ((None, BLUE), (1, ORANGE), (5, VERMILLION)),
                0,
            ),
            width=14,
            sort_by="Failures since",
            empty=NO_EXPORTER,
        ),
        lines(
            "Since the last success",
            "Time since each resource was last read well, the worst of the exporters. A saw of "
            "one interval is normal; one that was never read well is left out.",
            "s",
            Query(
                "max by (resource) (time() - ("
                + of("isnotai_resource_last_success_timestamp_seconds")
                + " > 0))",
                "{{resource}}",
            ),
            width=10,
            empty="no resource was read well yet",
        ),
    ),
)

_NO_CONTRACT = "the contract is switched off (poll.openapi_interval), or was not read yet"

CONTRACT = Row(
    "The API's own document",
    5,
    (
        stat(
            "As it is read",
            "Whether /openapi/v3.json has all that the exporter reads, as it reads it.",
            "none",
            f"min ({of('isnotai_api_schema_known')})",
            width=6,
            steps=((None, VERMILLION), (1, BLUE)),
            mappings=words((0, "no", VERMILLION), (1, "yes", BLUE)),
            empty=_NO_CONTRACT,
        ),
        table(
            "Differences",
            "What the document has otherwise than the exporter. Removed and changed: of what is "
            "read; the log names each.",
            SITE_COLUMNS,
            *(
                Column(
                    kind.capitalize(),
                    site(of("isnotai_api_schema_changes", f'kind="{kind}"')),
                    decimals=0,
                )
                for kind in ("removed", "changed", "added")
            ),
            width=18,
            empty=_NO_CONTRACT,
        ),
    ),
    needs="isnotai_api_schema_known",
)
