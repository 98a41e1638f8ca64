"""An entry of the catalogue: whose error it is, and what a person reads."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Fault(StrEnum):
    """The side that caused the error, which decides what happens to the file."""

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
        """The sentence, and in brackets what differs from case to case."""
        return f"{self.sentence[:-1]} ({detail})." if detail else self.sentence
