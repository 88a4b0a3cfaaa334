"""What negotiation promises: any Accept header gets a right answer, and none gets an error."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.publish.wire import Format
from exporter.web.negotiation import choose

PROMETHEUS_3 = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
    "application/openmetrics-text;version=0.0.1;q=0.5,"
    "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
)
PROMETHEUS_3_NATIVE_HISTOGRAMS = (
    "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;"
    "q=0.7," + PROMETHEUS_3
)
PROMETHEUS_2 = (
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)
PROMETHEUS_TEXT_ONLY = "text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"

FORMATS: list[tuple[str | None, Format]] = [
    # who scrapes
    (PROMETHEUS_3, "openmetrics"),
    (PROMETHEUS_3_NATIVE_HISTOGRAMS, "openmetrics"),
    (PROMETHEUS_2, "openmetrics"),
    (PROMETHEUS_TEXT_ONLY, "text"),
    (BROWSER, "text"),
    # no preference
    (None, "text"),
    ("", "text"),
    ("*/*", "text"),
    ("*/*;q=0.1", "text"),
    ("text/*", "text"),
    ("text/plain", "text"),
    ("text/plain;version=0.0.4", "text"),
    # OpenMetrics in each form
    ("application/openmetrics-text", "openmetrics"),
    ("application/openmetrics-text;version=1.0.0", "openmetrics"),
    ('application/openmetrics-text; version="1.0.0"', "openmetrics"),
    ("application/openmetrics-text ; VERSION=1.0.0 ; charset=utf-8", "openmetrics"),
    ("Application/OpenMetrics-Text", "openmetrics"),
    ("application/*", "text"),
    ("application/openmetrics-text;q=0.001", "openmetrics"),
    ("application/openmetrics-text;escaping=underscores", "openmetrics"),
    # a version that is not spoken is not a request for ours
    ("application/openmetrics-text;version=0.0.1", "text"),
    ("application/openmetrics-text;version=2.0.0", "text"),
    ("application/openmetrics-text;version=abc", "text"),
    ("application/openmetrics-text;version=1.0.0.0", "text"),
    ("application/openmetrics-text;version=2.0.0,application/openmetrics-text", "openmetrics"),
    ("text/plain;version=1.0.0,application/openmetrics-text;q=0.1", "openmetrics"),
    # quality
    ("application/openmetrics-text;q=0.4,text/plain;q=0.5", "text"),
    ("application/openmetrics-text;q=0.5,text/plain;q=0.4", "openmetrics"),
    ("application/openmetrics-text;q=0,*/*", "text"),
    ("text/plain;q=0,*/*", "text"),
    ("text/plain;q=0.0,*/*;q=0.1", "text"),
    ("application/openmetrics-text;q=0", "text"),
    ("text/*;q=0.2,application/*;q=0.3", "text"),
    # OpenMetrics wants to be named; a wildcard stands for text
    ("application/openmetrics-text;q=0.1,application/*;q=0.9,text/plain;q=0.5", "text"),
    ("text/plain;version=0.0.4;q=0.1,text/plain;q=0.9,application/*;q=0.5", "text"),
    ("*/*;q=0.9,text/*;q=0.1", "text"),
    # equal quality: named before let in, then the first named
    ("application/openmetrics-text,*/*", "openmetrics"),
    ("*/*,application/openmetrics-text", "openmetrics"),
    ("text/plain,application/*", "text"),
    ("application/*,*/*", "text"),
    ("application/openmetrics-text,text/plain", "openmetrics"),
    ("text/plain,application/openmetrics-text", "text"),
    ("text/plain;q=0.5,application/openmetrics-text;version=1.0.0;q=0.5", "text"),
    # nothing that we have
    ("application/json", "text"),
    ("image/*", "text"),
    ("text/plain;q=0,application/openmetrics-text;q=0", "text"),
    # garbage, alone and beside what can be read
    ("garbage", "text"),
    (";;;,,,===", "text"),
    ('"', "text"),
    ("application/openmetrics-text;q=", "text"),
    ("application/openmetrics-text;q=abc", "text"),
    ("application/openmetrics-text;q=nan", "text"),
    ("application/openmetrics-text;q=-1", "text"),
    ("application/openmetrics-text;q=1.5", "text"),
    ("application/openmetrics-text;q=1e-1", "text"),
    ("application/openmetrics-text;q=٠", "text"),
    ("*/plain", "text"),
    (",, application/openmetrics-text ,,", "openmetrics"),
    ('text/html;x="a,b;q=0",application/openmetrics-text', "openmetrics"),
    ("application/openmetrics-text," * 2000, "text"),
    # what the standard library's parser of parameters raises KeyError or ValueError for
    ("text/plain;n*;n*0", "text"),
    ("text/plain;n*0;n*", "text"),
    ("application/openmetrics-text;n*;n*0", "openmetrics"),
    ("text/plain;version*0*=utf-8'';version*", "text"),
    ("text/plain;n*" + "9" * 4000, "text"),
]

CODINGS = [
    (None, False),
    ("", False),
    ("gzip", True),
    ("GZIP", True),
    ("x-gzip", True),
    ("gzip, deflate, br", True),
    ("zstd, br", False),
    ("gzip;q=0", False),
    ("gzip;q=0.0", False),
    ("gzip;q=0, *", False),
    ("*", True),
    ("*;q=0", False),
    ("*;q=0, gzip", True),
    ("identity", False),
    ("identity;q=0", False),
    ("identity;q=0, *", True),
    ("identity;q=0, gzip;q=0.1", True),
    ("identity, gzip;q=0.5", False),
    ("identity;q=0.5, gzip;q=1.0", True),
    ("identity;q=0.5, gzip;q=0.5", True),
    ("gzip;q=abc", False),
    ("gzip;q=2", False),
    (";;;,,", False),
]


@pytest.mark.parametrize(("accept", "form"), FORMATS)
def test_an_accept_header_gets_the_face_it_asks_for(accept: str | None, form: Format) -> None:
    assert choose(accept, None) == (form, False)


@pytest.mark.parametrize(("accept_encoding", "gzipped"), CODINGS)
def test_gzip_is_used_where_it_is_welcome(accept_encoding: str | None, gzipped: bool) -> None:
    assert choose(None, accept_encoding) == ("text", gzipped)


# What arrives is latin-1 by then.
header_text = st.text(st.characters(max_codepoint=255), max_size=200)
pieces = st.lists(
    st.sampled_from(
        [
            "application/openmetrics-text",
            "text/plain",
            "*/*",
            "text/*",
            "gzip",
            "identity",
            ";",
            ",",
            "=",
            '"',
            "\\",
            "q",
            "version",
            "version*0*=utf-8''",
            "n*",
            "n*0",
            "*",
            "\t",
            "1.0.0",
            "0.5",
            " ",
        ]
    ),
    max_size=30,
).map("".join)


@given(header_text | pieces, header_text | pieces)
def test_no_header_raises(accept: str, accept_encoding: str) -> None:
    form, gzipped = choose(accept, accept_encoding)
    assert form in ("text", "openmetrics")
    assert gzipped in (True, False)


qualities = st.integers(0, 1000).map(lambda thousandths: thousandths / 1000)


@given(qualities, qualities, st.booleans())
def test_the_better_liked_face_is_served(text: float, openmetrics: float, swap: bool) -> None:
    elements = [f"text/plain;q={text:.3f}", f"application/openmetrics-text;q={openmetrics:.3f}"]
    form, _ = choose(",".join(reversed(elements) if swap else elements), None)
    if text != openmetrics:
        assert form == ("text" if text > openmetrics else "openmetrics")


@given(pieces, pieces)
def test_upper_and_lower_case_are_the_same(accept: str, accept_encoding: str) -> None:
    assert choose(accept, accept_encoding) == choose(accept.upper(), accept_encoding.upper())


@pytest.mark.parametrize(("accept", "form"), FORMATS)
def test_spaces_round_the_marks_change_nothing(accept: str | None, form: Format) -> None:
    if accept is not None:
        spaced = accept[:4000].replace(",", " , ").replace(";", "  ; ")
        assert choose(spaced[:4096], None)[0] == choose(accept[:4000], None)[0]
