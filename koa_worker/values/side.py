"""The side of a knee and of a frame."""

from __future__ import annotations

from enum import StrEnum


class Side(StrEnum):
    """The patient's side. A side that is not certain is unknown, never guessed."""

    LEFT = "left"
    RIGHT = "right"
    UNKNOWN = "unknown"

    @property
    def letter(self) -> str:
        """The letter that marks radiographs in any language, and that DICOM uses (0020,0062)."""
        return {Side.LEFT: "L", Side.RIGHT: "R", Side.UNKNOWN: ""}[self]


class Laterality(StrEnum):
    """The side of a whole frame; `BOTH` only if the header says so or the frame shows two legs."""

    LEFT = "left"
    RIGHT = "right"
    BOTH = "both"
    UNKNOWN = "unknown"
