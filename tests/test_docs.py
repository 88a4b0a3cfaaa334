"""What the documents say is so: tables are made by the code, names exist, links lead somewhere."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from exporter.metrics import catalogue
from exporter.metrics.model import Metric
from exporter.settings import SettingsError, load
from exporter.settings.describe import all_settings
from exporter.settings.environment import unknown_variables
from exporter.web import webconfig
from scripts.write_docs import DOCUMENTS, ROOT, cardinality, made
from tests.web_example import write_web_config

KEY = "aik_v1_" + "x" * 40
UNIT = ROOT / "deploy/systemd/isnotai-exporter.service"
DOCS = sorted((*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), ROOT / "tools/README.md"))
TEXTS = [*DOCS, UNIT]


def _named(paths: list[Path]) -> dict[str, Path]:
    return {str(path.relative_to(ROOT)): path for path in paths}


documents = pytest.mark.parametrize("path", _named(DOCS).values(), ids=_named(DOCS))
texts = pytest.mark.parametrize("path", _named(TEXTS).values(), ids=_named(TEXTS))


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_document_has_the_tables_that_the_code_makes(name: str) -> None:
    text = (ROOT / name).read_text("utf-8")

    assert made(text, DOCUMENTS[name]) == text, "run make docs"


def test_every_metric_and_every_setting_has_its_row_in_the_readme() -> None:
    rows = re.findall(r"^\| `([^`]+)`", (ROOT / "README.md").read_text("utf-8"), re.MULTILINE)

    assert {metric.exposed_name for metric in catalogue.METRICS} <= set(rows)
    assert {setting.name for setting in all_settings()} <= set(rows)


def test_a_table_is_renewed_and_the_text_around_it_kept() -> None:
    text = "a\n<!-- begin t: made -->\nold\n<!-- end t -->\nb\n"

    renewed = made(text, {"t": lambda: r"| \1 |" + "\n"})

    assert renewed == "a\n<!-- begin t: made -->\n\n| \\1 |\n\n<!-- end t -->\nb\n"
    assert made(renewed, {"t": lambda: r"| \1 |" + "\n"}) == renewed


@pytest.mark.parametrize(
    "text", ["", "<!-- begin t -->\n", "<!-- begin t -->\n<!-- end t -->\n" * 2]
)
def test_markers_that_are_missing_or_double_are_named(text: str) -> None:
    with pytest.raises(ValueError, match="the markers of t"):
        made(text, {"t": str})


@pytest.mark.parametrize(
    ("metric", "words"),
    [
        (catalogue.UP, "1"),
        (catalogue.POLLS, "3 per resource"),
        (catalogue.API_REQUESTS, "1 per resource and code met"),
        (catalogue.SESSION_FLAGS, "at most 101"),
        (catalogue.SESSION_BOT_SCORE, "13"),
        (catalogue.ANALYTICS_BROWSERS, "at most 31 per window"),
        (catalogue.STATS, "at most 100"),
        (catalogue.USAGE, "at most 42"),
        (catalogue.QUOTA_LIMIT, "1 per limit set"),
        (catalogue.INTEGRATION_INFO, "1"),
    ],
    ids=lambda value: value.name if isinstance(value, Metric) else "",
)
def test_cardinality_follows_from_the_declaration(metric: Metric, words: str) -> None:
    assert cardinality(metric) == words


def test_a_label_without_a_bound_gets_no_cardinality() -> None:
    with pytest.raises(ValueError, match="nothing says how many values the label course has"):
        cardinality(Metric("isnotai_x", "gauge", "", "isnotai.x", labels=("course",)))


@texts
def test_every_variable_that_is_named_is_a_setting(path: Path) -> None:
    named = set(re.findall(r"\bISNOTAI_[A-Z0-9_]*[A-Z0-9]\b", path.read_text("utf-8")))

    assert [name for name, _ in unknown_variables(dict.fromkeys(named, "x"))] == []


@texts
def test_every_flag_of_a_setting_that_is_named_exists(path: Path) -> None:
    flags = {flag for setting in all_settings() for flag in setting.flags}
    named = re.findall(r"(?<![\w-])--(?:no-)?([a-z]+\.[a-z._-]*[a-z])", path.read_text("utf-8"))

    assert {f"--{name}" for name in named} - flags == set()


@texts
def test_every_metric_that_is_named_is_in_the_catalogue(path: Path) -> None:
    known = {metric.exposed_name for metric in catalogue.METRICS} | {
        f"{metric.name}_{part}"
        for metric in catalogue.METRICS
        for part in (("bucket", "sum", "count") if metric.kind == "histogram" else ())
    }
    named = set(re.findall(r"(?<![\w:])isnotai_[a-z_]+(?![\w:])", path.read_text("utf-8")))
    families = tuple(name for name in named if name.endswith("_"))

    unknown = {name for name in named - known if name not in families}
    assert unknown == set()
    assert all(any(one.startswith(family) for one in known) for family in families)


@documents
def test_every_target_of_make_that_is_named_exists(path: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    named = set(re.findall(r"(?:`|^)make ([a-z][a-z-]*)", path.read_text("utf-8"), re.MULTILINE))

    assert named - targets == set()


@documents
def test_every_link_within_the_repository_leads_somewhere(path: Path) -> None:
    assert list(_broken(path)) == []


def _broken(path: Path) -> Iterator[str]:
    text = re.sub(r"^```.*?^```", "", path.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        target, _, anchor = link.partition("#")
        if re.match(r"[a-z]+:", target):
            continue
        aim = (path.parent / target).resolve() if target else path
        missing = not aim.exists() or (aim.is_dir() and not any(aim.iterdir()))
        if missing or (anchor and anchor not in _anchors(aim)):
            yield link


def _anchors(path: Path) -> set[str]:
    """The anchors that GitHub gives to the headings."""
    headings = re.findall(r"^#+ (.+)$", path.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def _examples(path: Path, language: str) -> list[str]:
    pattern = rf"^```{language}\n(.*?)^```"
    return re.findall(pattern, path.read_text("utf-8"), re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("place", [0, 1])
def test_the_examples_of_a_yaml_file_can_be_loaded(place: int, tmp_path: Path) -> None:
    file = tmp_path / "exporter.yaml"
    examples = _examples(ROOT / "docs/configuration.md", "yaml")
    file.write_text(examples[place], "utf-8")

    loaded = load([f"--config.file={file}"], {"ONLINE_SCHOOL_KEY": KEY})

    assert len(examples) == 2
    assert loaded.warnings == ()
    assert [account.integration for account in loaded.settings.accounts()] == (
        [["campus"], ["campus", "online-school"]][place]
    )


def test_the_mistake_that_is_shown_is_told_in_those_words() -> None:
    (shown,) = re.findall(
        r"^isnotai-exporter: (.*)$", (ROOT / "docs/configuration.md").read_text("utf-8"), re.M
    )

    with pytest.raises(SettingsError, match=re.escape(shown)):
        load(["--poll.sessions-interval=30"], {"ISNOTAI_API_KEY": KEY})


def test_the_example_of_a_web_config_file_can_be_used(tmp_path: Path) -> None:
    config = webconfig.load(write_web_config(tmp_path))

    assert config.tls is not None
    assert config.warnings == ()
    assert list(config.users) == ["prometheus"]


def test_the_systemd_unit_sets_what_the_exporter_takes() -> None:
    settings = load([], _environment(UNIT.read_text("utf-8"))).settings

    assert settings.api_key_file == Path("/run/credentials/isnotai-exporter/api-key")
    assert settings.state.path == Path("/var/lib/isnotai-exporter/state.db")


def _environment(unit: str) -> Mapping[str, str]:
    """The variables of a unit, with systemd's specifiers filled in."""
    filled = unit.replace("%d", "/run/credentials/isnotai-exporter").replace("%S", "/var/lib")
    return dict(re.findall(r"^Environment=(\w+)=(.*)$", filled, re.MULTILINE))


GLOSSARY = ROOT / "docs" / "glossary.md"
TERMS = re.findall(r"^## (\w+)$", GLOSSARY.read_text("utf-8"), re.MULTILINE)
PAGES = [ROOT / "README.md", *(path for path in DOCS if "docs" in path.parts and path != GLOSSARY)]
NOT_PROSE = re.compile(
    r"```.*?```|<!-- begin.*?<!-- end|`[^`]*`|^#.*?$|^\|.*?$|\*\*[^*]+\*\*|<[^>]+>",
    re.DOTALL | re.MULTILINE,
)
LINK = re.compile(r"\[[^\]]*\]\(([^)]*)\)")


@pytest.mark.parametrize("path", _named(PAGES).values(), ids=_named(PAGES))
def test_a_word_of_our_own_is_linked_to_the_glossary_where_a_page_uses_it_first(path: Path) -> None:
    prose = NOT_PROSE.sub("", path.read_text("utf-8"))
    for term in TERMS:
        target = f"glossary.md#{term.lower()}"
        links = (link.start() for link in LINK.finditer(prose) if link[1].endswith(target))
        before = LINK.sub("", prose[: next(links, len(prose))])
        used = re.search(rf"[^\n]*\b{term}s?\b[^\n]*", before, re.IGNORECASE)
        assert used is None, f"{term} is used before it is linked: {used[0]}"


def test_every_page_is_on_the_map_of_the_site() -> None:
    named = re.findall(r"^ +- [^:\n]+: (\S+\.md)$", (ROOT / "mkdocs.yml").read_text(), re.MULTILINE)
    pages = {str(path.relative_to(ROOT / "docs")) for path in ROOT.glob("docs/**/*.md")}

    assert set(named) == pages, "mkdocs.yml, nav"
    assert len(named) == len(set(named))


@pytest.mark.parametrize("path", _named(PAGES).values(), ids=_named(PAGES))
def test_sentences_have_at_most_twenty_words_on_average(path: Path) -> None:
    text = re.sub(r"<!--.*?-->|```.*?```", "", path.read_text("utf-8"), flags=re.DOTALL)
    blocks = re.split(r"\n\s*\n|\n\s*(?:[-*]|\d+\.)\s", text)
    prose = [block for block in blocks if not block.lstrip().startswith(("|", "#"))]
    sentences = [it.split() for block in prose for it in re.split(r"(?<=[.!?])\s", block)]
    lengths = [len(words) for words in sentences if len(words) > 2]

    assert sum(lengths) <= 20 * max(1, len(lengths))
