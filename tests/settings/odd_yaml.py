"""Odd YAML for the tests of both files: values that a person never writes, under any key."""

from hypothesis import strategies as st

ODD_VALUES = (
    "[[x]]",
    "!!timestamp x",
    "2026-02-30",
    "!!int ''",
    "!!int 0b2",
    "!!bool x",
    "!!float x",
    "!!null x",
    "!!str [a]",
    "!!binary x",
    "!!set {a}",
    "!!omap [a: b]",
    "!!python/name:os.system ''",
    "&a [*a]",
    "&a {a: *a}",
    "*nowhere",
    "{? [a] : b}",
    "{<<: x}",
    "{~: x, 1: y, 1.5: z}",
    "~",
    '"\\0"',
    '"\\ud800"',
    '"\\x85"',
    "1e999",
    ".nan",
    "-1",
    "1" * 5000,
    "1:" * 1000 + "1",
    "[" * 3000,
    "{a: " * 3000,
    "|\n  text",
    "a: b",
    "\t",
)
"""Each was refused with a traceback once, or is a sibling of such a one."""

_scalars = st.sampled_from(ODD_VALUES) | st.text(max_size=20) | st.integers().map(str)
_inline = st.recursive(
    _scalars,
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda items: f"[{', '.join(items)}]")
        | st.lists(st.tuples(_scalars, inner), max_size=3).map(
            lambda pairs: "{" + ", ".join(f"{key}: {value}" for key, value in pairs) + "}"
        )
    ),
    max_leaves=6,
)


def odd_files(keys: list[tuple[str, ...]]) -> st.SearchStrategy[bytes]:
    """Files with odd values under these keys, each given as its steps, or with no form at all."""
    entries = st.tuples(st.sampled_from(keys), _inline).map(
        lambda entry: (
            "".join(f"{'  ' * level}{step}:\n" for level, step in enumerate(entry[0][:-1]))
            + f"{'  ' * (len(entry[0]) - 1)}{entry[0][-1]}: {entry[1]}\n"
        )
    )
    files = st.lists(entries, min_size=1, max_size=3).map("".join)
    return files.map(lambda text: text.encode("utf-8", "replace")) | st.binary(max_size=60)
