"""Determines the side of each knee and the halves of its joint: from header and number, never from the pixels."""

from __future__ import annotations

from koa_worker.values import CompartmentName, Laterality, Side

_SINGLE = {Laterality.LEFT: Side.LEFT, Laterality.RIGHT: Side.RIGHT}
_LEFT_TO_RIGHT = {"R": (Side.RIGHT, Side.LEFT), "L": (Side.LEFT, Side.RIGHT)}


def sides_of(knees: int, laterality: Laterality, column_zero_side: str) -> tuple[Side, ...]:
    """The sides of this number of knees from left to right.

    One knee has the laterality of the file. Two knees get their sides from the side at column 0, unless the file says
    that it shows only one side: then the laterality or the number is wrong, and the sides are unknown.
    """
    if knees == 1:
        return (_SINGLE.get(laterality, Side.UNKNOWN),)
    if knees == 2 and laterality not in _SINGLE:
        return _LEFT_TO_RIGHT.get(column_zero_side, (Side.UNKNOWN, Side.UNKNOWN))
    return (Side.UNKNOWN,) * knees


_LATERAL_LEFT = (CompartmentName.LATERAL, CompartmentName.MEDIAL)
_MEDIAL_LEFT = (CompartmentName.MEDIAL, CompartmentName.LATERAL)
_UNNAMED = (CompartmentName.PICTURE_LEFT, CompartmentName.PICTURE_RIGHT)


def names_of(side: Side, column_zero_side: str) -> tuple[CompartmentName, CompartmentName]:
    """The names of the left and right compartment: the medial one is towards the other knee."""
    if side is Side.UNKNOWN or not column_zero_side:
        return _UNNAMED
    outer = Side.RIGHT if column_zero_side == "R" else Side.LEFT
    return _LATERAL_LEFT if side is outer else _MEDIAL_LEFT
