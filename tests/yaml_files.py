"""YAML by the parser in C, which takes a tenth of the time: some of our files are long."""

from collections.abc import Iterator
from typing import Any

import yaml


def load_yaml(text: str) -> Any:
    """The one document of `text`."""
    return yaml.load(text, yaml.CSafeLoader)


def load_yaml_all(text: str) -> Iterator[Any]:
    """Each document of `text`."""
    return yaml.load_all(text, yaml.CSafeLoader)
