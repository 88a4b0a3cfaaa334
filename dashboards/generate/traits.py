"""The rows about what the bots are like: their flags, and the scores beside all others'."""

from dashboards.generate.panels import (
    BLUE,
    GREEN,
    ORANGE,
    VERMILLION,
    Column,
    Query,
    Row,
    heatmap,
    lines,
    table,
)
from dashboards.generate.queries import BOTS, gained
from dashboards.generate.reading import SCORE

_BOT_FLAGS, _ALL_FLAGS = "isnotai_bot_session_flags_total", "isnotai_session_flags_total"

TRAITS = Row(
    "Which traits do the bots have?",
    9,
    (
        lines(
            "Flags of bots, an hour",
            "The ten flags that bots had most often in the range shown, each in the hour before. "
            "One that jumps alone points to one tool.",
            "short",
            Query(
                f"{gained(_BOT_FLAGS, ('flag',), step='5m')} and on (flag) topk(10, "
                + gained(_BOT_FLAGS, ("flag",), within="$__range", offset=" @ end()", step="5m")
                + ")",
                "{{flag}}",
            ),
            decimals=0,
            empty="no bot had a flag in this time",
        ),
        table(
            "Flags, last hour",
            "Sessions with each detection flag. A flag that is mostly the bots' tells agents "
            "apart; one that people share does not. other: beyond the bound of flags.",
            (("flag", "Flag"),),
            Column("Bots", gained(_BOT_FLAGS, ("flag",)), decimals=0),
            Column("All sessions", gained(_ALL_FLAGS, ("flag",)), decimals=0),
            Column(
                "Are bots",
                f"{gained(_BOT_FLAGS, ('flag',))} / ({gained(_ALL_FLAGS, ('flag',))} > 0)",
                "percentunit",
                decimals=0,
            ),
            Column(
                "Of the bots",
                f"{gained(_BOT_FLAGS, ('flag',))} / on () group_left () ({gained(BOTS)} > 0)",
                "percentunit",
                decimals=0,
            ),
            width=12,
            sort_by="Bots",
            empty="no session had a flag in this time",
        ),
    ),
)

_SCORES_IN_HOUR = gained("isnotai_session_bot_score_bucket", ("le",), step="5m")
_SCORE_SUM = gained("isnotai_session_bot_score_sum")
_SCORE_COUNT = gained("isnotai_session_bot_score_count")

SCORES = Row(
    "Scores",
    9,
    (
        heatmap(
            "Bot scores",
            "Final scores of the sessions settled in the hour before each moment, low at the "
            "bottom: bright cells hold many. People gather at the bottom, agents at the top. "
            + SCORE,
            "short",
            _SCORES_IN_HOUR,
            empty="no session was settled in this time",
        ),
        lines(
            "Score quantiles and mean",
            "In the hour before each moment half of the sessions scored below the median, one in "
            "ten above the 90th percentile. A shift of all lines points to the vendor's model, "
            "one of the upper ones to agents. " + SCORE,
            "none",
            Query(f"histogram_quantile(0.5, {_SCORES_IN_HOUR})", "median", BLUE, exemplars=True),
            Query(f"histogram_quantile(0.9, {_SCORES_IN_HOUR})", "90th percentile", ORANGE),
            Query(f"histogram_quantile(0.99, {_SCORES_IN_HOUR})", "99th percentile", VERMILLION),
            Query(f"{_SCORE_SUM} / ({_SCORE_COUNT} > 0)", "mean", GREEN, dashed=True),
            maximum=1,
            decimals=2,
            empty="no session was settled in this time",
        ),
    ),
)
