"""Patterns over the addresses of pages: what they see, what they give, and that none is slow."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.places import LONGEST_URL, Place, Places, address, compiled, is_value

COURSE = Places([Place("course", r"/courses/(\d+)"), Place("quiz", "/quizzes/")])


@pytest.mark.parametrize(
    ("url", "seen"),
    [
        ("https://lms.example/courses/7?user=jane#top", "https://lms.example/courses/7"),
        ("https://jane:secret@lms.example:8443/a", "https://lms.example:8443/a"),
        ("https://lms.example#/courses/7", "https://lms.example"),
        ("https://lms.example", "https://lms.example"),
        ("no address", "no address"),
        ("", ""),
    ],
)
def test_only_scheme_host_and_path_are_seen(url: str, seen: str) -> None:
    assert address(url) == seen


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("https://h/courses/7/quizzes/8", (("course", "7"), ("quiz", "quiz"))),
        ("https://h/?next=/courses/7", ()),
        ("https://h/quizzes/", (("quiz", "quiz"),)),
        ("https://h/courses/" + "7" * 65, (("course", ""),)),
        ("https://h/courses/7" + "/" * LONGEST_URL, ()),
        ("https://h/courses/7\ud800", ()),
        (None, ()),
        (["https://h/courses/7"], ()),
    ],
)
def test_a_page_has_the_places_that_match_each_with_its_value(
    url: object, found: tuple[tuple[str, str], ...]
) -> None:
    assert COURSE.of(url) == found


def test_a_group_that_takes_no_part_is_not_a_match() -> None:
    assert Places([Place("course", r"^https://h/(?:courses/(\d+))?")]).of("https://h/") == ()


@pytest.mark.parametrize(
    "value", ["other", "a/b", "jane@example.org", "a\nb", " a", "x" * 65, "a?b"]
)
def test_what_might_be_a_path_or_a_person_is_not_a_value(value: str) -> None:
    assert not is_value(value)


@pytest.mark.parametrize("value", ["7", "1000123", "cs 101", "maths-2026", "lms.example:8443", "Ä"])
def test_numbers_names_and_hosts_are_values(value: str) -> None:
    assert is_value(value)


@pytest.mark.parametrize(
    "pattern",
    ["(", "(a)(b)", "a{1001}", "(?=x)", r"(a)\1", "", "x" * 501, "\ud800", "((a{50}){50}){50}"],
)
def test_a_pattern_that_re2_cannot_read_or_that_has_two_groups_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match="must "):
        compiled(pattern)


@pytest.mark.parametrize(
    "pattern",
    [
        r"(?:a+)+$",
        r"(?:a|aa)+$",
        r"(?:a*)*b",
        r"(?:.*a){20}$",
        r"(?:[a-z]+)*\d",
        r"^(?:a?){500}a{500}$",
    ],
)
def test_no_pattern_backtracks_however_the_address_is_made(pattern: str) -> None:
    """For the first of them Python's own engine would take longer than the sun lasts."""
    place = Places([Place("evil", pattern)])

    for page in ("a" * (LONGEST_URL - 1) + "!", "a" * 500, "ab" * 4000):
        assert place.of(page) in ((), (("evil", "evil"),))


@given(st.text(), st.text())
def test_no_query_and_no_fragment_is_ever_a_value(page: str, query: str) -> None:
    whole = Places([Place("all", "(.*)")])

    assert whole.of(f"{page}?{query}") == whole.of(page) == whole.of(f"{page}#{query}")
