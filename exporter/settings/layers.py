"""One layer per source of settings, keyed by the setting's name, each value with its origin.

The origin is the name by which the user gave the value, so that an error can say it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias


@dataclass(frozen=True)
class Raw:
    """A value as it was given, and where: `--region`, `ISNOTAI_REGION`, `config.yml: region`."""

    origin: str
    value: object = field(repr=False)


#: Setting name, such as `web.listen_address`, to what one source says about it.
Layer: TypeAlias = dict[str, Raw]
