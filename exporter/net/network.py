"""The rules by which this process reaches others, read from an environment and the settings."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from exporter.net.proxies import Proxies, read_proxies
from exporter.net.trust import Trust, read_trust


@dataclass(frozen=True)
class Network:
    """Proxies and trusted certificates; one for the process, until a reload."""

    proxies: Proxies
    trust: Trust

    @classmethod
    def read(cls, environ: Mapping[str, str], ca_file: Path | None = None) -> Self:
        """What the variables and `tls.ca_file` say. Never raises."""
        return cls(read_proxies(environ), read_trust(environ, ca_file))
