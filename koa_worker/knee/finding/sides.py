"""Determines the side of each knee: from the header and the number of knees, never from the pixels."""

from __future__ import annotations

from koa_worker.values import Laterality, Side

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
