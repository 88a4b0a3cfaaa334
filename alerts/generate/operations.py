"""Alerts for those who run the exporter: whether it runs, reads, counts and keeps what it counted.

Each names one cause; an effect of a cause that has its own alert is left to that one.
"""

from alerts.generate.model import Alert, Group
from alerts.generate.recording import LAG, POLL_FAILURES

FAST_BURN = 0.144
SLOW_BURN = 0.06
"""14.4 and 6 times the 1 % of polls that may fail in 30 days.

Source: Site Reliability Workbook, chapter 5, multiwindow, multi-burn-rate alerts.
"""

RULES = (
    Alert(
        "NotAITargetDown",
        """\
up == 0
and on (job, instance)
last_over_time(isnotai_exporter_build_info[1w])""",
        "5m",
        "critical",
        "operations",
        "notai-exporter",
        "Exporter {{ $labels.instance }} cannot be scraped",
        "Prometheus has not reached {{ $labels.instance }} of job {{ $labels.job }} for 5 min; "
        "what it counts is caught up once it runs again with its state.",
    ),
    Alert(
        "NotAIExporterAbsent",
        "absent(isnotai_exporter_build_info)",
        "15m",
        "critical",
        "operations",
        "notai-exporter",
        "No exporter is scraped",
        "For 15 min Prometheus has had no target that exposes isnotai_exporter_build_info.",
    ),
    Alert(
        "NotAIApiUnreachable",
        """\
isnotai_up == 0
unless on (job, instance, integration)
isnotai_api_key_valid == 0""",
        "10m",
        "critical",
        "operations",
        "notai-exporter",
        "The API does not answer the exporter for {{ $labels.integration }}",
        "No authenticated request of {{ $labels.instance }} has been answered well for 10 min.",
    ),
    Alert(
        "NotAIKeyRefused",
        "isnotai_api_key_valid == 0",
        "5m",
        "critical",
        "operations",
        "notai-exporter",
        "The API refuses the key of {{ $labels.integration }}",
        "{{ $labels.instance }} has no key, or one that the API answers with 401: revoked, "
        "mistyped, or of the other region.",
    ),
    Alert(
        "NotAIDataStale",
        """\
time() - isnotai_resource_last_success_timestamp_seconds > 1800
and on (job, instance, integration, resource)
isnotai_resource_up == 0
and on (job, instance, integration)
isnotai_up == 1""",
        "5m",
        "warning",
        "operations",
        "notai-exporter",
        "No new {{ $labels.resource }} for {{ $labels.integration }}",
        "{{ $labels.instance }} last read {{ $labels.resource }} well "
        "{{ $value | humanizeDuration }} ago, though other resources answer.",
    ),
    Alert(
        "NotAIFrontierBehind",
        f"{LAG} > 900",
        "10m",
        "warning",
        "operations",
        "notai-exporter",
        "Counting is behind for {{ $labels.integration }}",
        "{{ $labels.instance }} has counted all sessions only up to "
        "{{ $value | humanizeDuration }} ago.",
    ),
    Alert(
        "NotAISessionsLost",
        "increase(isnotai_session_gap_seconds_total[1h]) > 0",
        "0s",
        "critical",
        "operations",
        "notai-exporter",
        "Sessions can no longer be counted for {{ $labels.integration }}",
        "{{ $value | humanizeDuration }} of sessions fell out of the tier's history before "
        "{{ $labels.instance }} could read them.",
    ),
    Alert(
        "NotAICoverageLow",
        """\
max by (integration) (isnotai_session_coverage_ratio) < 0.95
and on (integration)
max by (integration) (isnotai_analytics_sessions{window="24h"}) >= 500""",
        "15m",
        "warning",
        "operations",
        "notai-exporter",
        "Fewer sessions are counted than the API reports for {{ $labels.integration }}",
        "For the last complete hour {{ $value | humanizePercentage }} of the sessions in the "
        "API's analytics were counted.",
    ),
    Alert(
        "NotAIThrottled",
        """\
sum by (job, instance, integration) (rate(isnotai_api_requests_total{code="429"}[15m]))
/
sum by (job, instance, integration) (rate(isnotai_api_requests_total[15m]))
> 0.05""",
        "10m",
        "warning",
        "operations",
        "notai-usage",
        "The API throttles the exporter for {{ $labels.integration }}",
        "{{ $value | humanizePercentage }} of the requests of {{ $labels.instance }} were "
        "answered with 429 in the last 15 min.",
    ),
    Alert(
        "NotAIAnswersUndecodable",
        """\
sum by (job, instance, integration, resource) (
  increase(isnotai_api_invalid_items_total[1h])
  + on (job, instance, integration, resource)
  increase(isnotai_api_invalid_responses_total[1h])
) > 10""",
        "15m",
        "warning",
        "operations",
        "notai-exporter",
        "Answers on {{ $labels.resource }} do not decode for {{ $labels.integration }}",
        '{{ printf "%.0f" $value }} answers or items on {{ $labels.resource }} could not be '
        "decoded by {{ $labels.instance }} in the last hour, and are not counted.",
    ),
    Alert(
        "NotAILabelBoundHit",
        "increase(isnotai_exporter_series_dropped_total[1h]) > 0",
        "15m",
        "info",
        "operations",
        "notai-exporter",
        "{{ $labels.family }} has more label values than its bound",
        "{{ $labels.instance }} folded label values of {{ $labels.family }} into other, or left "
        "them out, in the last hour.",
    ),
    Alert(
        "NotAIStateNotCommitted",
        """\
(
  max by (job, instance) (time() - isnotai_exporter_state_last_commit_timestamp_seconds) > 900
  and on (job, instance)
  max by (job, instance) (isnotai_resource_up{resource="sessions"}) == 1
)
or
(
  max by (job, instance) (
    isnotai_resource_last_success_timestamp_seconds{resource="sessions"} == 0
    and on (job, instance, integration)
    isnotai_up == 1
  )
  unless on (job, instance)
  isnotai_exporter_state_last_commit_timestamp_seconds
)""",
        "5m",
        "critical",
        "operations",
        "notai-exporter",
        "Exporter {{ $labels.instance }} cannot commit its state",
        "The API answers, but {{ $labels.instance }} of job {{ $labels.job }} has committed "
        "nothing for 15 min or more: counters stand still.",
    ),
    Alert(
        "NotAIReloadFailed",
        "isnotai_exporter_config_last_reload_successful == 0",
        "5m",
        "warning",
        "operations",
        "notai-exporter",
        "Exporter {{ $labels.instance }} runs with old settings",
        "The last reload of {{ $labels.instance }} failed; it keeps the settings from before.",
    ),
    Alert(
        "NotAIOtlpFailing",
        """\
sum by (job, instance) (rate(isnotai_exporter_otlp_exports_total{outcome="failure"}[15m]))
/
sum by (job, instance) (rate(isnotai_exporter_otlp_exports_total[15m]))
> 0.5""",
        "10m",
        "warning",
        "operations",
        "notai-exporter",
        "OTLP exports of {{ $labels.instance }} fail",
        "{{ $value | humanizePercentage }} of the OTLP exports of {{ $labels.instance }} failed "
        "in the last 15 min.",
    ),
    Alert(
        "NotAIPollErrorBudgetBurnsFast",
        f"""\
{POLL_FAILURES}1h > {FAST_BURN}
and on (integration)
{POLL_FAILURES}5m > {FAST_BURN}""",
        "2m",
        "critical",
        "operations",
        "notai-exporter",
        "Many polls fail for {{ $labels.integration }}",
        "{{ $value | humanizePercentage }} of the polls of the last hour failed: at this pace "
        "the error budget of 30 days (1 %) is gone within 2 days.",
    ),
    Alert(
        "NotAIPollErrorBudgetBurnsSlowly",
        f"""\
{POLL_FAILURES}6h > {SLOW_BURN}
and on (integration)
{POLL_FAILURES}30m > {SLOW_BURN}""",
        "15m",
        "warning",
        "operations",
        "notai-exporter",
        "Polls keep failing for {{ $labels.integration }}",
        "{{ $value | humanizePercentage }} of the polls of the last 6 h failed: at this pace "
        "the error budget of 30 days (1 %) is gone within 5 days.",
    ),
)

GROUP = Group("notai-operations", "1m", RULES)
