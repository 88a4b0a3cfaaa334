"""Which build this is: the version, and the revision that the image's build leaves beside it."""

from functools import cache
from importlib.resources import files

from exporter import __version__

VERSION = __version__


@cache
def revision() -> str:
    """The source revision, `unknown` outside of an image."""
    file = files("exporter").joinpath("REVISION")
    return file.read_text(encoding="utf-8").strip() if file.is_file() else "unknown"
