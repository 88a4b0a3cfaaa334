"""The table of settings: what is code stands as code, and no row is lost."""

from exporter.settings import all_settings
from scripts.write_docs import settings_table


def test_the_readmes_table_has_a_row_for_each_setting_with_code_told_from_words() -> None:
    lines = settings_table().splitlines()

    assert lines[:2] == ["| Setting | Variable | Default | Meaning |", "|---|---|---|---|"]
    assert [line.split("`")[1] for line in lines[2:]] == [row.name for row in all_settings()]
    assert all(line.replace(r"\|", "").count("|") == 5 for line in lines)
    assert (
        "| `web.listen_address` | `ISNOTAI_WEB_LISTEN_ADDRESS` | `:10984` "
        "| where to serve: host:port, :port or [::1]:port |"
    ) in lines
    assert (
        "| `stats.include` | `ISNOTAI_STATS_INCLUDE` | all "
        r"| patterns of stat names to keep, such as total_\* |"
    ) in lines
    (integrations,) = (line for line in lines if line.startswith("| `integrations`"))
    assert integrations.startswith("| `integrations` | – | – | (YAML only)")
