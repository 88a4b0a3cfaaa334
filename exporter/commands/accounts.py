"""Which integrations a command is about: all that the settings name, or the one that a flag picks.

With one key, `--integration` sets the label, as for the daemon. With a list of `integrations`,
where the daemon has no use for it, it picks one of the list.
"""

from exporter.commands.command import Line
from exporter.settings.errors import SettingsError
from exporter.settings.load import Loaded
from exporter.settings.model import Account


def chosen(line: Line, loaded: Loaded) -> tuple[Account, ...]:
    """The integrations to ask. Raises SettingsError where `--integration` names none of them."""
    accounts = loaded.settings.accounts()
    picked = line.flags.get("integration")
    if picked is None or not loaded.settings.integrations:
        return accounts
    found = tuple(account for account in accounts if account.integration == picked.value)
    if not found:
        names = ", ".join(account.integration for account in accounts)
        raise SettingsError(f"{picked.origin}: is none of the integrations, which are {names}")
    return found
