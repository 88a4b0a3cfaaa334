"""What rows share: how a site is named, how scores and shares are read, where a click leads."""

from dashboards.generate.panels import BLUE, ORANGE, VERMILLION, Json, link

VENDOR = "https://dash.isnotai.com"
"""Where sessions are reviewed."""

SCORE = "A high score means bot: 0.7 and above is what the API calls one."
SHARE_STEPS = ((None, BLUE), (0.2, ORANGE), (0.4, VERMILLION))

SITE_NAME = "{{integration}} {{cluster}} {{namespace}} {{job}}"
"""The name of a site's line. Grafana leaves out the labels that it has not."""
SITE_COLUMNS = (
    ("integration", "Integration"),
    ("cluster", "Cluster"),
    ("namespace", "Namespace"),
    ("job", "Job"),
)
"""The first columns of a table of sites. A label that none of them has makes no column."""


def _this_site(value_of: str, *, headed: bool) -> Json:
    """To one site alone, by a line's labels, or by a row's cells (headed)."""
    chosen = "&".join(
        f"var-{label}=${{{value_of}.{heading if headed else label}}}"
        for label, heading in SITE_COLUMNS
    )
    url = f"/d/notai-security?${{datasource:queryparam}}&{chosen}&${{__url_time_range}}"
    return link("Show this integration alone", url)


OPEN_LINE = _this_site("__field.labels", headed=False)
OPEN_ROW = _this_site("__data.fields", headed=True)
"""A label that the site lacks is empty there, which its series match."""
