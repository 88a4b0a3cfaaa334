"""Flags: what is forbidden never becomes a label, and what merely looks unusual does."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.api.schema.flags import is_label


@pytest.mark.parametrize(
    "flag",
    [
        "linear_mouse",
        "mouse:linear",
        "mouse/linear",
        "Mouse::Linear",
        "mouse.linear",
        "key.down",
        "2fa_bypass",
        "rule_10001",
        "rule:101",
        "R-42",
        "score>0.9",
        "headless (new)",
        "Headless Chrome",
        "+synthetic",
        "webdriver!",
        "écran_vide",
        "自動操作",
        "username_autofilled",
        "intel_gpu",
        "deadbeat",
        "a" * 64,
    ],
)
def test_what_is_not_a_person_path_or_address_may_be_a_label(flag: str) -> None:
    assert is_label(flag)


@pytest.mark.parametrize(
    "flag",
    [
        "",
        " ",
        " padded",
        "a" * 65,
        "line\nbreak",
        "nul\0",
        "\ud800",
        "\u202egnp",
        "somebody@school.example",
        "@somebody",
        "https://lms.example/courses/1",
        "//lms.example",
        "www.school.edu",
        "?user=1",
        "a=b",
        "a%20b",
        "/courses/4711",
        "courses/4711",
        "4711/quiz",
        "a/b/c",
        "home/",
        "~ada",
        "../etc",
        "C:\\Users\\ada",
        "index.html",
        "Mozilla/5.0 (X11)",
        "Windows NT; x64",
        "<script>",
        "lms.school.edu",
        "school.example:8443",
        "moodle.school.de",
        "localhost",
        "10.0.0.1",
        "ip 192.168.1.20:443",
        "[2001:db8::1]",
        "fe80::1",
        "user:ada",
        "userId: 17",
        "student_17",
        "name:Ada Lovelace",
        "mail#ada",
        "course-17",
        "123456",
        "+49 170 123456",
        "3f2504e0-4f89-11d3-9a0c-0305e82c3301",
        "0123456789abcdef",
        "d41d8cd98f00b204e9800998ecf8427e",
        "01ARZ3NDEKTSV4RRFFQ69G5FAV",
        "aik_v1_xxxx",
        "Bearer abc",
        "eyJhbGciOiJIUzI1NiJ9",
    ],
)
def test_what_could_be_a_person_path_or_address_is_other(flag: str) -> None:
    assert not is_label(flag)


@given(st.text())
def test_every_text_is_judged_and_no_long_one_passes(flag: str) -> None:
    if is_label(flag):
        assert 0 < len(flag) <= 64
        assert flag.isprintable()
