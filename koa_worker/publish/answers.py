"""The answers of a destination for an object that was sent, whatever the protocol."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path


class Unreachable(Exception):
    """The destination did not answer or rejected the connection: nothing is wrong with the object."""


class DeliveryAnswer(Enum):
    """The answer for an object, which decides what is done with it."""

    TAKEN = auto()  # the destination has the object
    BUSY = auto()  # the destination has no space now: retry later, without a limit
    FAILED = auto()  # the destination failed on the object: retry later, up to a limit
    REFUSED = auto()  # the destination does not accept such an object: a person has to change something first


# PS3.7 annex C and PS3.4 table B.2-1. All other statuses, including "cannot understand" (Cxxx), mean FAILED.
_STATUSES: dict[DeliveryAnswer, frozenset[int]] = {
    # Stored, possibly with a warning. A duplicate is stored already: each of our UIDs stands for one object.
    DeliveryAnswer.TAKEN: frozenset({0x0000, 0x0001, 0x0107, 0x0111, 0x0116, *range(0xB000, 0xC000)}),
    DeliveryAnswer.BUSY: frozenset({0x0213, *range(0xA700, 0xA800)}),
    # Invalid, of an unsupported class, of a class that does not match the data set, or not authorised.
    DeliveryAnswer.REFUSED: frozenset({0x0117, 0x0118, 0x0119, 0x0122, 0x0124, 0x0211, *range(0xA900, 0xAA00)}),
}
_GONE = "object file missing; koa-worker send with the report's name makes it again"


@dataclass(frozen=True, slots=True)
class Parcel:
    """An object that waits to be sent."""

    id: int
    sop_class_uid: str
    path: Path


@dataclass(frozen=True, slots=True)
class Receipt:
    """The answer for an object, and the reason if the destination did not take the object."""

    parcel: Parcel
    answer: DeliveryAnswer
    reason: str = ""


def answer_of(status: int) -> DeliveryAnswer:
    return next((answer for answer, statuses in _STATUSES.items() if status in statuses), DeliveryAnswer.FAILED)


def gone(parcel: Parcel) -> Receipt | None:
    """The receipt for an object whose file was removed by somebody."""
    return None if parcel.path.exists() else Receipt(parcel, DeliveryAnswer.REFUSED, _GONE)
