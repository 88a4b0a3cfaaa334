"""What is attacked: a function of bytes that keeps its promise or raises, and odd bytes for it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

from hypothesis import strategies as st

CORPUS = Path(__file__).parent / "corpus"


@dataclass(frozen=True, slots=True)
class Target:
    """One thing that is attacked.

    name: also the folder of its corpus. check: raises where those bytes break the promise.
    inputs: bytes that are odd in ways that matter here.
    """

    name: str
    check: Callable[[bytes], object]
    inputs: st.SearchStrategy[bytes]

    @property
    def folder(self) -> Path:
        return CORPUS / self.name

    def corpus(self) -> Iterator[Path]:
        """What was found, or is worth keeping; one file an input."""
        return iter(sorted(path for path in self.folder.glob("*") if path.is_file()))

    def keep(self, found: bytes) -> Path:
        """Put an input into the corpus; the name of its file."""
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / blake2b(found, digest_size=6).hexdigest()
        path.write_bytes(found)
        return path
