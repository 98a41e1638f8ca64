"""An entry of the catalogue: whose error it is, and what a person reads."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Fault(StrEnum):
    """What caused the error; this decides what happens to the file."""

    FILE = "rejected"  # set aside with its reason; a retry would not help
    OURS = "failed"  # retried
    SETUP = "setup"  # the worker does not start
    CALLER = "refused"  # the page or the API refuses a request


@dataclass(frozen=True, slots=True)
class CatalogueEntry:
    fault: Fault
    sentence: str
    remedy: str

    def sentence_with(self, detail: str | None) -> str:
        """The sentence, and the details of this case in brackets."""
        return f"{self.sentence[:-1]} ({detail})." if detail else self.sentence
