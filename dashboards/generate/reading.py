"""What rows about bots share: how a score and a share are read, and where a click leads."""

from dashboards.generate.panels import BLUE, ORANGE, VERMILLION, link

VENDOR = "https://dash.isnotai.com"
"""Where sessions are reviewed."""

SCORE = "A high score means bot: 0.7 and above is what the API calls one."
SHARE_STEPS = ((None, BLUE), (0.2, ORANGE), (0.4, VERMILLION))

_THIS_INTEGRATION = (
    "/d/notai-security?${datasource:queryparam}&var-integration=${%s}&${__url_time_range}"
)
OPEN_LINE = link("Show this integration alone", _THIS_INTEGRATION % "__field.labels.integration")
OPEN_ROW = link("Show this integration alone", _THIS_INTEGRATION % "__value.raw")
