"""The check, as a doctor: what works, what does not, and what to do about it.

`local` looks at what is on this machine, `remote` asks the API, `costs` says what polling will
spend, `findings` are what all of them give, and `command` prints them.
"""

from exporter.commands.check.command import command

__all__ = ["command"]
