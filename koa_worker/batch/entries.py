"""The values of a batch: an entry of the source, and its result. Neither shows a file name when printed."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any, Literal

from koa_worker.store import EncodedResult
from koa_worker.values import Arrival, Rejected
from koa_worker.workers.messages import Examine

Row = dict[str, Any]  # one line of the results: plain values only
Ending = Literal["completed", "rejected", "failed"]


@dataclass(frozen=True, slots=True)
class Entry:
    """A file of the source, as it was listed."""

    place: str = field(repr=False)  # an absolute path or a URL; may name a patient
    size: int
    stamp: str  # changes with the contents: a time or an ETag; empty if each would take a request

    @property
    def id(self) -> str:
        """Names the entry in logs and keys. It includes time and size, so that nobody can guess the path from it."""
        listed = f"{self.place}\0{self.size}\0{self.stamp}"
        return hashlib.sha256(listed.encode()).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class Kept:
    """The part of a result that the store keeps."""

    arrival: Arrival
    result: EncodedResult | Rejected


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of grading one entry."""

    number: int  # the entry's, in the ledger
    ending: Ending
    rows: tuple[Row, ...] = field(repr=False)
    kept: Kept | None = field(default=None, repr=False)


def examine(number: int, entry: Entry, *, keep: bool, data: bytes | None = None) -> Examine:
    return Examine(entry.id, number, entry.place, entry.size, keep, data)
