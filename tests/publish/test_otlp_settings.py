"""What the standard variables ask for: the specification's precedence, units and leniency."""

from collections.abc import Mapping

import pytest

from exporter.publish.otlp_settings import OtlpSettings, UnreadConfigError, read_otlp

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
METRICS_ENDPOINT = "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT"
ON = {ENDPOINT: "http://collector:4318"}
GRPC = {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}


def settings(variables: Mapping[str, str]) -> OtlpSettings:
    """The settings, of variables that nothing is to be warned about."""
    found, warnings = read_otlp(variables)
    assert found is not None
    assert warnings == ()
    return found


def warned(variables: Mapping[str, str]) -> tuple[OtlpSettings | None, set[str]]:
    """The settings, and the variables that were warned about."""
    found, warnings = read_otlp(variables)
    return found, {warning.variable for warning in warnings}


@pytest.mark.parametrize("variables", [{}, {ENDPOINT: ""}, {METRICS_ENDPOINT: "  "}, GRPC])
def test_without_an_endpoint_nothing_is_pushed(variables: dict[str, str]) -> None:
    assert read_otlp(variables) == (None, ())


def test_an_endpoint_alone_gives_the_specifications_defaults() -> None:
    found = settings(ON)
    assert found.protocol == "http/protobuf"
    assert found.endpoint == "http://collector:4318/v1/metrics"
    assert (found.interval, found.export_timeout, found.timeout) == (60.0, 30.0, 10.0)
    assert not found.gzip
    assert found.headers == {}
    assert found.resource == {"service.name": "isnotai-exporter"}


@pytest.mark.parametrize(
    ("variables", "target"),
    [
        ({ENDPOINT: "http://c:4318"}, "http://c:4318/v1/metrics"),
        ({ENDPOINT: "http://c:4318/"}, "http://c:4318/v1/metrics"),
        ({ENDPOINT: "https://c/otlp/"}, "https://c/otlp/v1/metrics"),
        ({ENDPOINT: "https://c/otlp?tenant=a"}, "https://c/otlp/v1/metrics?tenant=a"),
        ({METRICS_ENDPOINT: "http://c:4318"}, "http://c:4318/"),
        ({METRICS_ENDPOINT: "http://c:4318/mine/"}, "http://c:4318/mine/"),
        ({ENDPOINT: "http://a", METRICS_ENDPOINT: "http://b/x"}, "http://b/x"),
        ({ENDPOINT: "http://a", METRICS_ENDPOINT: ""}, "http://a/v1/metrics"),
    ],
)
def test_http_appends_the_metrics_path_to_the_general_endpoint_only(
    variables: dict[str, str], target: str
) -> None:
    assert settings(variables).endpoint == target


@pytest.mark.parametrize(
    ("endpoint", "extra", "target", "insecure"),
    [
        ("http://c:4317", {}, "c:4317", True),
        ("https://c:4317", {}, "c:4317", False),
        ("http://c:4317", {"OTEL_EXPORTER_OTLP_INSECURE": "false"}, "c:4317", True),
        ("c:4317", {}, "c:4317", False),
        ("c:4317", {"OTEL_EXPORTER_OTLP_INSECURE": "true"}, "c:4317", True),
        ("c:4317", {"OTEL_EXPORTER_OTLP_METRICS_INSECURE": "TRUE"}, "c:4317", True),
        ("[::1]:4317", {}, "[::1]:4317", False),
        ("https://c", {}, "c:443", False),
    ],
)
def test_grpc_takes_the_scheme_for_tls_and_insecure_only_without_one(
    endpoint: str, extra: dict[str, str], target: str, insecure: bool
) -> None:
    found = settings({**GRPC, ENDPOINT: endpoint, **extra})
    assert (found.protocol, found.endpoint, found.insecure) == ("grpc", target, insecure)


@pytest.mark.parametrize(
    "value", ["collector:4318", "ftp://c", "http://", "http://c:99999", "http://[", "http://a b"]
)
def test_an_endpoint_that_cannot_be_one_is_warned_about_and_never_quoted(value: str) -> None:
    found, warnings = read_otlp({ENDPOINT: value})
    assert found is None
    assert [warning.variable for warning in warnings] == [ENDPOINT]
    assert value not in warnings[0].message


def test_a_bad_endpoint_for_metrics_leaves_the_general_one() -> None:
    found, names = warned({**ON, METRICS_ENDPOINT: "nonsense"})
    assert found is not None
    assert found.endpoint == "http://collector:4318/v1/metrics"
    assert names == {METRICS_ENDPOINT}


@pytest.mark.parametrize(
    ("variable", "value", "on"),
    [
        ("OTEL_SDK_DISABLED", "true", False),
        ("OTEL_SDK_DISABLED", "TRUE", False),
        ("OTEL_SDK_DISABLED", "false", True),
        ("OTEL_SDK_DISABLED", "", True),
        ("OTEL_METRICS_EXPORTER", "none", False),
        ("OTEL_METRICS_EXPORTER", "prometheus", False),
        ("OTEL_METRICS_EXPORTER", "otlp", True),
        ("OTEL_METRICS_EXPORTER", "prometheus, otlp", True),
        ("OTEL_METRICS_EXPORTER", "", True),
    ],
)
def test_the_switches_of_the_sdk_are_obeyed(variable: str, value: str, on: bool) -> None:
    found, warnings = read_otlp({**ON, variable: value})
    assert (found is not None) is on
    assert warnings == ()


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("OTEL_SDK_DISABLED", "yes"),
        ("OTEL_METRICS_EXPORTER", "console"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "10s"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "0"),
        ("OTEL_EXPORTER_OTLP_METRICS_TIMEOUT", "-1"),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "zstd"),
        ("OTEL_METRIC_EXPORT_INTERVAL", "1.5"),
        ("OTEL_METRIC_EXPORT_INTERVAL", "²"),
        ("OTEL_METRIC_EXPORT_TIMEOUT", "soon"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "nonsense"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "a=b%0d%0ac: d"),
        ("OTEL_RESOURCE_ATTRIBUTES", "team"),
        ("OTEL_RESOURCE_ATTRIBUTES", "team=%ff"),
    ],
)
def test_a_bad_value_is_warned_about_and_the_default_taken(variable: str, value: str) -> None:
    found, names = warned({**ON, variable: value})
    assert names == {variable}
    assert found == settings(ON)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "delta"),
        ("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "LowMemory"),
        (
            "OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION",
            "base2_exponential_bucket_histogram",
        ),
    ],
)
def test_what_is_refused_is_said(variable: str, value: str) -> None:
    found, names = warned({**ON, variable: value})
    assert names == {variable}
    assert found == settings(ON)


def test_a_declarative_configuration_is_refused_as_long_as_the_push_is_not_off() -> None:
    for variables in ({}, ON):
        with pytest.raises(UnreadConfigError, match="OTEL_CONFIG_FILE"):
            read_otlp({**variables, "OTEL_CONFIG_FILE": "otel.yaml"})

    off = {"OTEL_CONFIG_FILE": "otel.yaml", "OTEL_SDK_DISABLED": "true"}
    assert read_otlp({**ON, **off}) == (None, ())


def test_cumulative_and_explicit_buckets_need_no_word() -> None:
    assert settings(
        {
            **ON,
            "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE": "CUMULATIVE",
            "OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION": "explicit_bucket_histogram",
        }
    ) == settings(ON)


def test_nothing_is_said_of_variables_while_the_push_is_off() -> None:
    assert read_otlp({"OTEL_METRIC_EXPORT_INTERVAL": "x"}) == (None, ())


def test_times_are_milliseconds_and_those_for_metrics_win() -> None:
    found = settings(
        {
            **ON,
            "OTEL_EXPORTER_OTLP_TIMEOUT": "9000",
            "OTEL_EXPORTER_OTLP_METRICS_TIMEOUT": "2500",
            "OTEL_METRIC_EXPORT_INTERVAL": "15000",
            "OTEL_METRIC_EXPORT_TIMEOUT": "500",
        }
    )
    assert (found.timeout, found.interval, found.export_timeout) == (2.5, 15.0, 0.5)


def test_files_and_compression_come_from_either_form() -> None:
    found = settings(
        {
            **ON,
            "OTEL_EXPORTER_OTLP_CERTIFICATE": "/ca.pem",
            "OTEL_EXPORTER_OTLP_METRICS_CERTIFICATE": "/metrics-ca.pem",
            "OTEL_EXPORTER_OTLP_CLIENT_KEY": "/key.pem",
            "OTEL_EXPORTER_OTLP_METRICS_CLIENT_CERTIFICATE": "/cert.pem",
            "OTEL_EXPORTER_OTLP_METRICS_COMPRESSION": "gzip",
            "OTEL_EXPORTER_OTLP_COMPRESSION": "none",
        }
    )
    assert found.certificate == "/metrics-ca.pem"
    assert found.client_key == "/key.pem"
    assert found.client_certificate == "/cert.pem"
    assert found.gzip


def test_headers_are_decoded_and_those_for_metrics_replace_the_general_ones() -> None:
    general = {**ON, "OTEL_EXPORTER_OTLP_HEADERS": "Authorization=Bearer%20abc, x-tenant = b=c ,"}
    assert settings(general).headers == {"authorization": "Bearer abc", "x-tenant": "b=c"}
    own = {**general, "OTEL_EXPORTER_OTLP_METRICS_HEADERS": "x-other=1"}
    assert settings(own).headers == {"x-other": "1"}


def test_a_header_that_cannot_be_one_is_left_out_alone_and_never_quoted() -> None:
    found, warnings = read_otlp(
        {**ON, "OTEL_EXPORTER_OTLP_HEADERS": "good=1,secrettoken,bad=sécret"}
    )
    assert found is not None
    assert found.headers == {"good": "1"}
    assert len(warnings) == 2
    assert not any("cret" in warning.message for warning in warnings)


def test_resource_attributes_are_decoded_and_the_service_name_wins() -> None:
    variables = {
        **ON,
        "OTEL_RESOURCE_ATTRIBUTES": "service.name=a,team=learn%20ing,service.instance.id=pod-1",
    }
    assert settings(variables).resource == {
        "service.name": "a",
        "team": "learn ing",
        "service.instance.id": "pod-1",
    }
    named = {**variables, "OTEL_SERVICE_NAME": "b"}
    assert settings(named).resource["service.name"] == "b"


def test_credentials_are_secrets_and_not_shown() -> None:
    found = settings(
        {
            ENDPOINT: "https://someone:pass%40word@c:4318/otlp?token=querysecret",
            "OTEL_EXPORTER_OTLP_HEADERS": "authorization=Bearer headersecret",
        }
    )
    assert found.shown == "https://c:4318/otlp/v1/metrics"
    assert {"pass@word", "pass%40word", "querysecret", "headersecret"} <= set(found.secrets)
    assert not any(secret in repr(found) for secret in found.secrets)
    token = settings({ENDPOINT: "https://tokenalone@c"})
    assert "tokenalone" in token.secrets
    assert "tokenalone" not in repr(token)
