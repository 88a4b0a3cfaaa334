"""Origins as labels: one spelling each, and nothing that could identify a person."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.collect.origins import origin_label


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("https://lms.example", "https://lms.example"),
        ("HTTPS://LMS.Example:443", "https://lms.example"),
        ("http://lms.example:80", "http://lms.example"),
        ("http://lms.example:443", "http://lms.example:443"),
        ("https://lms.example:08443", "https://lms.example:8443"),
        ("https://lms_1.example", "https://lms_1.example"),
        ("http://localhost:3000", "http://localhost:3000"),
        ("https://bücher.example", "https://xn--bcher-kva.example"),
        ("https://XN--bcher-kva.example", "https://xn--bcher-kva.example"),
        ("https://ＬＭＳ.example", "https://lms.example"),
        ("https://192.0.2.7", "https://192.0.2.7"),
        ("https://[2001:DB8:0::7]:8443", "https://[2001:db8::7]:8443"),
    ],
)
def test_an_origin_has_one_spelling(text: str, label: str) -> None:
    assert origin_label(text) == label


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "null",
        "lms.example",
        "//lms.example",
        "ftp://lms.example",
        "file:///home/alice",
        "javascript:alert(1)",
        "chrome-extension://abcdef",
        "https://",
        "https://lms.example/",
        "https://lms.example/users/alice",
        "https://lms.example?user=alice",
        "https://lms.example#alice",
        "https://alice@lms.example",
        "https://alice:secret@lms.example",
        "https://lms.example\\users",
        "https://lms.example\n",
        " https://lms.example",
        "https://lms example",
        "https://alice%40school.example",
        "https://lms..example",
        "https://lms.example.",
        "https://-lms.example",
        "https://lms-.example",
        "https://lms.example:",
        "https://lms.example:0",
        "https://lms.example:65536",
        "https://lms.example:٤٤٣",
        "https://999.1.1.1",
        "https://2130706433",
        "https://1.2.3",
        "https://[::1",
        "https://[::1%eth0]",
        "https://[1.2.3.4]",
        "https://" + "a" * 64 + ".example",
        "https://" + ".".join(["a" * 50] * 6),
        "https://" + "ü" * 70 + ".example",
        "https://\ud800.example",
    ],
)
def test_anything_else_is_other(text: str | None) -> None:
    assert origin_label(text) == "other"


ALMOST = st.builds(
    "{}://{}{}{}".format,
    st.sampled_from(["http", "https", "HTTP", "ftp", ""]),
    st.text(max_size=30) | st.from_regex(r"[a-zA-Z0-9.:\[\]-]{1,30}", fullmatch=True),
    st.sampled_from(["", ":80", ":443", ":99999", ":x"]),
    st.sampled_from(["", "/", "/a", "?q", "#f", "@b"]),
)


@given(ALMOST | st.text())
def test_any_text_gives_a_plain_origin_that_stays_as_it_is(text: str) -> None:
    label = origin_label(text)
    assert re.fullmatch(r"other|https?://([a-z0-9._-]+|\[[0-9a-f:.]+\])(:[0-9]{1,5})?", label)
    assert not label.startswith("http") or origin_label(label) == label
