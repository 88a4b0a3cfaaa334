"""The rows about the processes of the exporters: what they cost, drop and are."""

from alerts.generate.series import SITE, TARGET
from dashboards.generate.panels import Column, Query, Row, lines, table
from dashboards.generate.queries import NO_EXPORTER, hourly, of, of_exporters, process
from dashboards.generate.reading import SITE_COLUMNS

PROCESS = Row(
    "The process",
    8,
    (
        lines(
            "Memory",
            "Resident memory of each exporter; it stays flat over weeks, however much is counted.",
            "bytes",
            Query(of_exporters(process("process_resident_memory_bytes")), "{{instance}}"),
            width=8,
            empty=NO_EXPORTER,
        ),
        lines(
            "CPU",
            "CPU time of each exporter, in cores: 100 % is one core.",
            "percentunit",
            Query(
                of_exporters(f"rate({process('process_cpu_seconds_total')}[$__rate_interval])"),
                "{{instance}}",
            ),
            width=8,
            empty=NO_EXPORTER,
        ),
        lines(
            "Series",
            "Series that each exporter exposes, besides those of its runtime.",
            "short",
            Query(process("isnotai_exporter_series"), "{{instance}}"),
            width=8,
            decimals=0,
            empty=NO_EXPORTER,
        ),
    ),
)

NO_REPLICAS = "no exporter keeps its state in PostgreSQL"

REPLICAS = Row(
    "Replicas",
    8,
    (
        lines(
            "Integrations polled",
            "How many integrations each replica polls, where they share a database: about the "
            "same number each.",
            "short",
            Query(
                f"sum by ({TARGET}) ({of('isnotai_exporter_poller')})",
                "{{instance}}",
            ),
            width=12,
            decimals=0,
            empty=NO_REPLICAS,
        ),
        lines(
            "Lost commits",
            "Times in the hour before that the database had less than was committed to it, as "
            "after a fail-over to a server that lagged behind.",
            "short",
            Query(hourly(process("isnotai_exporter_state_losses_total")), "{{instance}}"),
            width=12,
            decimals=0,
            empty=NO_REPLICAS,
        ),
    ),
)

BOUNDS = Row(
    "",
    8,
    (
        lines(
            "Folded labels",
            "Label values that went into other, or were left out, in the hour before, because a "
            "label has a bound. It rises with each poll for as long as one is hit.",
            "short",
            Query(
                f"sum by (family) ({hourly(process('isnotai_exporter_series_dropped_total'))})",
                "{{family}}",
            ),
            width=10,
            decimals=0,
            empty=NO_EXPORTER,
        ),
        lines(
            "Log lines dropped",
            "Lines of the log that nobody read in time, in the hour before, of each exporter. It "
            "never waits for them.",
            "short",
            Query(hourly(process("isnotai_exporter_log_lines_dropped_total")), "{{instance}}"),
            width=7,
            decimals=0,
            empty=NO_EXPORTER,
        ),
        lines(
            "OTLP exports",
            "Exports in the hour before by outcome, where OTLP is on.",
            "short",
            Query(
                f"sum by (outcome) ({hourly(process('isnotai_exporter_otlp_exports_total'))})",
                "{{outcome}}",
            ),
            width=7,
            decimals=0,
            empty="OTLP is off: no endpoint is set",
        ),
    ),
)

VERSIONS = Row(
    "Versions",
    5,
    (
        table(
            "Exporters",
            "Version and revision of each exporter, and since when it runs.",
            (("instance", "Instance"), ("version", "Version"), ("revision", "Revision")),
            Column(
                "Started",
                "max by (instance, version, revision) ("
                + process("isnotai_exporter_build_info")
                + ") * on (instance) group_left () max by (instance) ("
                + process("process_start_time_seconds")
                + ") * 1000",
                "dateTimeFromNow",
            ),
            width=14,
            empty=NO_EXPORTER,
        ),
        table(
            "The API",
            "The API's version, as its health resource tells it.",
            (*SITE_COLUMNS, ("version", "Version")),
            Column(
                "Exporters that see it",
                f"count by ({SITE}, version) ({of('isnotai_api_info')})",
                decimals=0,
            ),
            width=10,
            empty="health is switched off, or was not read yet",
        ),
    ),
)
