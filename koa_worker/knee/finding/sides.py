"""Which of the patient's knees each one is: from what the file says and how many there are, never from the picture."""

from __future__ import annotations

from koa_worker.values import Laterality, Side

_SINGLE = {Laterality.LEFT: Side.LEFT, Laterality.RIGHT: Side.RIGHT}
_LEFT_TO_RIGHT = {"R": (Side.RIGHT, Side.LEFT), "L": (Side.LEFT, Side.RIGHT)}


def sides_of(knees: int, laterality: Laterality, column_zero_side: str) -> tuple[Side, ...]:
    """The sides of this many knees from left to right.

    One knee is what the file's laterality says. Two are told apart by what lies towards column 0, unless the file
    says that it shows one side only: then either that or the count is wrong, and nobody can tell which.
    """
    if knees == 1:
        return (_SINGLE.get(laterality, Side.UNKNOWN),)
    if knees == 2 and laterality not in _SINGLE:
        return _LEFT_TO_RIGHT.get(column_zero_side, (Side.UNKNOWN, Side.UNKNOWN))
    return (Side.UNKNOWN,) * knees
