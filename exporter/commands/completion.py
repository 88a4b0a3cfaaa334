"""Prints what makes a shell complete commands, flags and values; for bash, zsh and fish.

eval "$(isnotai-exporter completion bash)"      in ~/.bashrc
eval "$(isnotai-exporter completion zsh)"       in ~/.zshrc
isnotai-exporter completion fish | source       in ~/.config/fish/config.fish
"""

import click
from click.shell_completion import get_completion_class

from exporter.commands.command import Line, make_command
from exporter.settings.errors import SettingsError
from exporter.terminal import say

SHELLS = ("bash", "zsh", "fish")


def run(line: Line, *, shell: str | None) -> int:
    """Print the script. Raises SettingsError where no shell is named."""
    # Imported here, since that module imports this one.
    from exporter.commands.group import COMPLETION, NAME

    if shell is None:
        raise SettingsError(f"completion: for which shell? {', '.join(SHELLS)}")
    made = get_completion_class(shell)
    assert made is not None  # noqa: S101 - click knows all three
    root = click.get_current_context().find_root().command
    say(made(root, {}, NAME, COMPLETION).source())
    return 0


command = make_command(
    "completion",
    run,
    __doc__.replace("\n\n", "\n\n\b\n", 1),
    [click.Argument(["shell"], type=click.Choice(SHELLS), required=False)],
    settings=False,
)
