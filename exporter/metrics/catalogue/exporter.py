"""The exporter itself; these carry no `integration`, but for who polls it."""

from exporter.metrics.model import Metric

EXPORTER_BUILD_INFO = Metric(
    "isnotai_exporter_build_info",
    "gauge",
    "The exporter's version and revision, as labels.",
    "isnotai.exporter.build_info",
    labels=("version", "revision"),
    per_integration=False,
)
EXPORTER_SERIES = Metric(
    "isnotai_exporter_series",
    "gauge",
    "Series now exposed, process and python ones aside.",
    "isnotai.exporter.series",
    "{series}",
    per_integration=False,
)
EXPORTER_SERIES_DROPPED = Metric(
    "isnotai_exporter_series_dropped",
    "counter",
    "Label values folded into other, or left out, by a bound.",
    "isnotai.exporter.series_dropped",
    "{series}",
    ("family",),
    per_integration=False,
)
EXPORTER_LOG_LINES_DROPPED = Metric(
    "isnotai_exporter_log_lines_dropped",
    "counter",
    "Log lines that were not written, since nobody read them or the disk was full.",
    "isnotai.exporter.log_lines_dropped",
    "{line}",
    per_integration=False,
)
EXPORTER_RELOAD_OK = Metric(
    "isnotai_exporter_config_last_reload_successful",
    "gauge",
    "1 unless the last reload of the settings failed.",
    "isnotai.exporter.config.last_reload_successful",
    per_integration=False,
)
EXPORTER_POLLER = Metric(
    "isnotai_exporter_poller",
    "gauge",
    "1 at the replica that polls the integration; there with state.url only.",
    "isnotai.exporter.poller",
)
EXPORTER_LAST_COMMIT = Metric(
    "isnotai_exporter_state_last_commit_timestamp_seconds",
    "gauge",
    "When counters and frontier were last committed.",
    "isnotai.exporter.state.last_commit.timestamp",
    "s",
    per_integration=False,
)
EXPORTER_STATE_LOSSES = Metric(
    "isnotai_exporter_state_losses",
    "counter",
    "Times that a database had less than was committed to it; there with state.url only.",
    "isnotai.exporter.state.losses",
    "{loss}",
    per_integration=False,
)
EXPORTER_OTLP_EXPORTS = Metric(
    "isnotai_exporter_otlp_exports",
    "counter",
    "OTLP exports by outcome.",
    "isnotai.exporter.otlp.exports",
    "{export}",
    ("outcome",),
    known={"outcome": ("success", "failure")},
    per_integration=False,
)
