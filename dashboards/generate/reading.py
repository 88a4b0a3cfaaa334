"""What rows share: how a site is named, how scores and shares are read, where a click leads."""

from dashboards.generate.panels import BLUE, ORANGE, VERMILLION, link

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

_THIS_INTEGRATION = (
    "/d/notai-security?${datasource:queryparam}&var-integration=${%s}&${__url_time_range}"
)
OPEN_LINE = link("Show this integration alone", _THIS_INTEGRATION % "__field.labels.integration")
OPEN_ROW = link("Show this integration alone", _THIS_INTEGRATION % "__value.raw")
