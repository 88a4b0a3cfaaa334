"""The row about the alerts: how near one is, by their own numbers, and which are raised."""

from alerts.generate.model import RUNBOOKS
from alerts.generate.series import BOTS as RECORDED_BOTS
from alerts.generate.series import EVIDENCE, EXPECTED, SITE, threshold
from dashboards.generate.panels import (
    GREY,
    ORANGE,
    VERMILLION,
    Column,
    Query,
    Row,
    lines,
    link,
    table,
    words,
)
from dashboards.generate.queries import OF_INTEGRATION, TOP_SITES, site
from dashboards.generate.reading import OPEN_LINE, OPEN_ROW, SITE_COLUMNS, SITE_NAME

_NO_RULES = "load the recording rules (alerts/prometheus/recording.yaml): the alerts' own lines"
ALERTS = (
    'ALERTS{alertname=~"NotAI.+",cluster=~"$cluster",namespace=~"$namespace",job=~"$job",'
    'integration=~"$integration"}'
)
_ALERTS_BY = f"max by (alertname, {SITE}, severity)"


def _recorded(name: str) -> str:
    """What the alerts' recording rules made of the chosen sites: the alerts' own numbers."""
    selector = OF_INTEGRATION.replace('instance=~"$instance",', "")
    return f"{name}{{{selector}}}"


ALERTING = Row(
    "How near is an alert?",
    9,
    (
        lines(
            "Bots of the hour, and what is usual",
            "Bots in the hour before each moment, how many the alerts expect at this time of day "
            "by the two weeks before, and from how many on one pages; all chosen together.",
            "short",
            Query(f"sum ({site(_recorded(f'{RECORDED_BOTS}increase1h'))})", "bots", VERMILLION),
            Query(f"sum ({site(_recorded(f'{EXPECTED}1h'))})", "usual", GREY, dashed=True),
            Query(
                f"{threshold('page_ratio')} * sum ({site(_recorded(f'{EXPECTED}1h'))})",
                "pages from here, if no chance",
                ORANGE,
                dashed=True,
            ),
            width=6,
            empty=_NO_RULES,
        ),
        lines(
            "Evidence against chance",
            "How surely the bots of the last hour are more than usual, of the ten integrations "
            "with most bots in the range shown. A page asks for the dashed line, and for as many "
            "times the usual as the panel beside it shows; a warning asks for less of both.",
            "none",
            Query(
                # No evidence is recorded where there are no more bots than usual.
                f"({site(_recorded(f'{EVIDENCE}1h'))} or 0 * "
                f"{site(_recorded(f'{EXPECTED}1h'))}) {TOP_SITES}",
                SITE_NAME,
            ),
            Query(
                f"max ({threshold('page_evidence', bare=True)})",
                "threshold",
                ORANGE,
                dashed=True,
            ),
            width=8,
            decimals=1,
            empty=_NO_RULES,
            links=(OPEN_LINE,),
        ),
        table(
            "Alerts",
            "The exporter's alerts that are pending or firing in Prometheus; those that Grafana "
            "manages are in its own list. A click on a name "
            "opens its runbook.",
            (
                ("alertname", "Alert"),
                *SITE_COLUMNS,
                ("severity", "Severity"),
            ),
            Column(
                "State",
                f"{_ALERTS_BY} ({ALERTS.replace('}', '')}"
                f',alertstate="firing"}}) * 2 or {_ALERTS_BY} ({ALERTS})',
                "none",
                mappings=words((1, "pending", ORANGE), (2, "firing", VERMILLION)),
            ),
            width=10,
            sort_by="State",
            empty="no alert is pending or firing",
            cell_links={
                "Alert": [link("Runbook", RUNBOOKS + "#${__value.raw:lowercase}", new_tab=True)],
                "Integration": [OPEN_ROW],
            },
        ),
    ),
)
