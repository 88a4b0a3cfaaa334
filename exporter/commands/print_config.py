"""Prints every setting with its value and where that came from; secrets are blotted out.

Nothing is asked and nothing is opened but the settings file. A key may be missing.
"""

from exporter.commands.command import Line
from exporter.commands.screen import styled
from exporter.settings.effective import DEFAULT, effective
from exporter.settings.load import load_parsed
from exporter.terminal import complain, say


def run(line: Line) -> int:
    """Print them; the exit code. Raises SettingsError."""
    loaded = load_parsed(line.flags, line.environ, require_key=False)
    rows = effective(loaded.settings, loaded.origins)
    names = max(len(name) for name, _, _ in rows)
    values = min(40, max(len(value) for _, value, _ in rows))
    for name, value, source in rows:
        shown = f"{name:{names}}  {value:{values}}  {source}"
        say(styled((shown, "dim" if source == DEFAULT else "bold")))
    for warning in loaded.warnings:
        complain(warning.message)
    return 0
