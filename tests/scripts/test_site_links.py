"""Links of the documents that leave their folder lead to the repository, once they are a site."""

import pytest

from scripts.site_links import outward

REPOSITORY = "https://github.com/a/b/"


@pytest.mark.parametrize(
    ("source", "link", "led"),
    [
        ("kubernetes.md", "../README.md#settings", "blob/main/README.md#settings"),
        ("kubernetes.md", "../deploy/kustomize/base", "blob/main/deploy/kustomize/base"),
        ("runbooks/alerts.md", "../../CHANGELOG.md", "blob/main/CHANGELOG.md"),
    ],
)
def test_a_link_that_leaves_the_folder_leads_to_the_repository(
    source: str, link: str, led: str
) -> None:
    assert outward(f"see [it]({link}).", source, REPOSITORY) == (
        f"see [it](https://github.com/a/b/{led})."
    )


@pytest.mark.parametrize("link", ["../glossary.md#tail", "other.md", "https://a.example/../b"])
def test_other_links_stay(link: str) -> None:
    text = f"see [it]({link})"
    assert outward(text, "runbooks/alerts.md", REPOSITORY) == text
