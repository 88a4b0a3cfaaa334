"""Alerts for those who run the exporter: whether it runs, reads, counts and keeps what it counted.

Each names one cause; an effect of a cause that has its own alert is left to that one. What several
exporters of one integration see alike is one alert.
"""

from alerts.generate.model import Alert, Group
from alerts.generate.series import GAP, LAG, POLL_FAILURES, SITE, TARGET, lasting

FAST_BURN = 0.144
SLOW_BURN = 0.06
STEADY_BURN = 0.01
"""14.4, 6 and 1 times the 1 % of polls that may fail in 30 days.

Source: Site Reliability Workbook, chapter 5, multiwindow, multi-burn-rate alerts.
"""

_UNREACHABLE = f"max by ({SITE}) (isnotai_up) == 0"
_LAST_READ = "isnotai_resource_last_success_timestamp_seconds"
_DOWN = f"up == 0\nand on ({TARGET})\nlast_over_time(isnotai_exporter_build_info[1w:5m])"
"""Of the targets that cannot be scraped, those that were an exporter within the last week."""
_GAP_BEFORE = f"""\
(
    max_over_time({GAP}max2m[1d:1h] offset 1h)
    or
    last_over_time({GAP}max2m[5w:1h] offset 1h)
  )"""
"""The highest of a day, which an exporter with a state of its own may have shown that was away."""


def _burns(failed: str, recently: str, burn: float) -> str:
    """failed: the share of polls of a long window; recently: a short one."""
    return f"""\
{failed} > {burn}
and on ({SITE})
{POLL_FAILURES}{recently} > {burn}
unless on ({SITE})
{_UNREACHABLE}"""


RULES = (
    Alert(
        "NotAITargetDown",
        _DOWN,
        "Exporter {{ $labels.instance }} cannot be scraped",
        "Prometheus has not reached {{ $labels.instance }} of job {{ $labels.job }} for 5 min; "
        "what it counts is caught up once it runs again with its state.",
        severity="critical",
        hold="5m",
        keep="5m",
    ),
    Alert(
        "NotAIExporterAbsent",
        "absent(isnotai_exporter_build_info)",
        "No exporter is scraped",
        "For 15 min Prometheus has had no target that exposes isnotai_exporter_build_info.",
        severity="critical",
        hold="15m",
        keep="5m",
    ),
    Alert(
        "NotAIIntegrationGone",
        f"""\
max by ({SITE}) (last_over_time(isnotai_up[1d:5m]))
unless on ({SITE})
isnotai_up
unless on (cluster, namespace, job)
(
{_DOWN}
)
unless on ()
absent(isnotai_exporter_build_info)""",
        "Integration {{ $labels.integration }} is no longer exported",
        "For 15 min no exporter of job {{ $labels.job }} has exported the integration "
        "{{ $labels.integration }}, which was there within the last day: it was taken out of the "
        "settings, renamed, or its exporter is no longer a target of Prometheus.",
        hold="15m",
    ),
    Alert(
        "NotAINobodyPolls",
        f"max by ({SITE}) (isnotai_exporter_poller) == 0",
        "No replica polls {{ $labels.integration }}",
        "Replicas of job {{ $labels.job }} run, but for 10 min none has polled "
        "{{ $labels.integration }}: most likely none reaches the database that they share. "
        "Nothing is counted meanwhile, and is caught up afterwards.",
        severity="critical",
        hold="10m",
        keep="5m",
    ),
    Alert(
        "NotAIApiUnreachable",
        f"""\
{_UNREACHABLE}
unless on ({SITE})
max by ({SITE}) (isnotai_api_key_valid) == 0""",
        "The API does not answer the exporter for {{ $labels.integration }}",
        "No authenticated request of any exporter in job {{ $labels.job }} has been answered well "
        "for 10 min.",
        severity="critical",
        hold="10m",
        keep="5m",
    ),
    Alert(
        "NotAIKeyRefused",
        f"min by ({SITE}) (isnotai_api_key_valid) == 0",
        "The API refuses the key of {{ $labels.integration }}",
        "An exporter in job {{ $labels.job }} has no key, or one that the API answers with 401: "
        "revoked, mistyped, or of the other region.",
        severity="critical",
        hold="5m",
        keep="5m",
    ),
    Alert(
        "NotAIDataStale",
        f"""\
time() - max by ({SITE}, resource) ({_LAST_READ}) > 1800
and on ({SITE}, resource)
max by ({SITE}, resource) (isnotai_resource_up{{resource!="openapi"}}) == 0
and on ({SITE})
max by ({SITE}) (isnotai_up) == 1""",
        "No new {{ $labels.resource }} for {{ $labels.integration }}",
        "{{ $labels.resource }} "
        "{{ if gt $value 1e9 }}has never been read well"
        "{{ else }}was last read well {{ $value | humanizeDuration }} ago{{ end }}, "
        "though other resources answer.",
        hold="5m",
        keep="10m",
    ),
    Alert(
        "NotAIFrontierBehind",
        f"min by ({SITE}) ({LAG}) > 900",
        "Counting is behind for {{ $labels.integration }}",
        "All sessions are counted only up to {{ $value | humanizeDuration }} ago.",
        hold="10m",
        keep="10m",
    ),
    Alert(
        "NotAISessionsLost",
        f"""\
(
  {GAP}max2m - {_GAP_BEFORE} > 0
)
or
(
  {GAP}max2m > 0
  unless on ({SITE})
  {_GAP_BEFORE}
)""",
        "Sessions can no longer be counted for {{ $labels.integration }}",
        "{{ $value | humanizeDuration }} of sessions fell out of the tier's history before "
        "an exporter in job {{ $labels.job }} could read them.",
        severity="critical",
    ),
    Alert(
        "NotAICoverageLow",
        f"""\
max by ({SITE}) (isnotai_session_coverage_ratio) < 0.95
and on ({SITE})
max by ({SITE}) (isnotai_analytics_sessions{{window="24h"}}) >= 500""",
        "Fewer sessions are counted than the API reports for {{ $labels.integration }}",
        "For the last complete hour {{ $value | humanizePercentage }} of the sessions in the "
        "API's analytics were counted.",
        hold="15m",
        keep="1h",
    ),
    Alert(
        "NotAIThrottled",
        f"""\
sum by ({TARGET}, integration) (
  rate(isnotai_api_requests_total{{code="429"}}[15m])
)
/
sum by ({TARGET}, integration) (rate(isnotai_api_requests_total[15m]))
> 0.05
and on ({TARGET}, integration)
sum by ({TARGET}, integration) (
  increase(isnotai_api_requests_total{{code="429"}}[15m])
) >= 5""",
        "The API throttles the exporter for {{ $labels.integration }}",
        "{{ $value | humanizePercentage }} of the requests of {{ $labels.instance }} were "
        "answered with 429 in the last 15 min.",
        hold="10m",
        keep="15m",
        dashboard="notai-usage",
    ),
    Alert(
        "NotAIAnswersUndecodable",
        f"""\
sum by ({SITE}, resource) (increase(isnotai_api_invalid_items_total[1h]))
+
sum by ({SITE}, resource) (increase(isnotai_api_invalid_responses_total[1h]))
> 10""",
        "Answers on {{ $labels.resource }} do not decode for {{ $labels.integration }}",
        '{{ printf "%.0f" $value }} answers or items on {{ $labels.resource }} could not be '
        "decoded in the last hour, and are not counted.",
        hold="15m",
        keep="15m",
    ),
    Alert(
        "NotAIApiContractChanged",
        f"""\
max by ({SITE}, kind) (isnotai_api_schema_changes{{kind=~"removed|changed"}}) > 0""",
        "What is read of the API was {{ $labels.kind }} for {{ $labels.integration }}",
        "By the API's own document, {{ $value }} of the endpoints, parameters and fields that the "
        "exporter reads were {{ $labels.kind }}.",
        hold="15m",
    ),
    Alert(
        "NotAILabelBoundHit",
        "increase(isnotai_exporter_series_dropped_total[1h]) > 0",
        "{{ $labels.family }} has more label values than its bound",
        "{{ $labels.instance }} folded label values of {{ $labels.family }} into other, or left "
        "them out, in the last hour.",
        severity="info",
        hold="15m",
    ),
    Alert(
        "NotAIStateNotCommitted",
        f"""\
(
  max by ({TARGET}) (
    time() - isnotai_exporter_state_last_commit_timestamp_seconds
  ) > 900
  and on ({TARGET})
  max by ({TARGET}) (isnotai_resource_up{{resource="sessions"}}) == 1
)
or
(
  max by ({TARGET}) (
    isnotai_resource_last_success_timestamp_seconds{{resource="sessions"}} == 0
    and on ({TARGET}, integration)
    isnotai_up == 1
  )
  unless on ({TARGET})
  isnotai_exporter_state_last_commit_timestamp_seconds
)""",
        "Exporter {{ $labels.instance }} cannot commit its state",
        "The API answers, but {{ $labels.instance }} of job {{ $labels.job }} has committed "
        "nothing for 15 min or more: counters stand still.",
        severity="critical",
        hold="5m",
        keep="5m",
    ),
    Alert(
        "NotAIReloadFailed",
        "isnotai_exporter_config_last_reload_successful == 0",
        "Exporter {{ $labels.instance }} runs with old settings",
        "The last reload of {{ $labels.instance }} failed; it keeps the settings from before.",
        hold="5m",
    ),
    Alert(
        "NotAIOtlpFailing",
        f"""\
sum by ({TARGET}) (
  rate(isnotai_exporter_otlp_exports_total{{outcome="failure"}}[15m])
)
/
sum by ({TARGET}) (rate(isnotai_exporter_otlp_exports_total[15m]))
> 0.5""",
        "OTLP exports of {{ $labels.instance }} fail",
        "{{ $value | humanizePercentage }} of the OTLP exports of {{ $labels.instance }} failed "
        "in the last 15 min.",
        hold="10m",
        keep="15m",
    ),
    Alert(
        "NotAIPollErrorBudgetBurnsFast",
        _burns(POLL_FAILURES + "1h", "5m", FAST_BURN),
        "Many polls fail for {{ $labels.integration }}",
        "{{ $value | humanizePercentage }} of the polls of the last hour failed: at this pace "
        "the error budget of 30 days (1 %) is gone within 2 days.",
        severity="critical",
        hold="2m",
        keep="15m",
    ),
    Alert(
        "NotAIPollErrorBudgetBurnsSlowly",
        _burns(POLL_FAILURES + "6h", "30m", SLOW_BURN),
        "Polls keep failing for {{ $labels.integration }}",
        "{{ $value | humanizePercentage }} of the polls of the last 6 h failed: at this pace "
        "the error budget of 30 days (1 %) is gone within 5 days.",
        hold="15m",
        keep="30m",
    ),
    Alert(
        "NotAIPollErrorBudgetBurnsSteadily",
        _burns(lasting(POLL_FAILURES + "3d"), "6h", STEADY_BURN),
        "Some polls always fail for {{ $labels.integration }}",
        "{{ $value | humanizePercentage }} of the polls of the last 3 days failed: at this pace "
        "the error budget of 30 days (1 %) is used up when they are over.",
        hold="1h",
        keep="1h",
    ),
)

GROUP = Group("notai-operations", "1m", RULES)
