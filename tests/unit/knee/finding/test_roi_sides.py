"""Which knee is which comes from the file alone, and from nothing where the file contradicts the picture."""

from __future__ import annotations

import pytest

from koa_worker.study.sides import sides_of
from koa_worker.values import Laterality, Side

L, R, U = Side.LEFT, Side.RIGHT, Side.UNKNOWN


@pytest.mark.parametrize(
    ("knees", "laterality", "zero", "sides"),
    [
        (1, Laterality.LEFT, "R", (L,)),
        (1, Laterality.RIGHT, "", (R,)),
        (1, Laterality.BOTH, "R", (U,)),
        (1, Laterality.UNKNOWN, "R", (U,)),
        (2, Laterality.BOTH, "R", (R, L)),
        (2, Laterality.UNKNOWN, "L", (L, R)),
        (2, Laterality.BOTH, "", (U, U)),
        (2, Laterality.LEFT, "R", (U, U)),
        (2, Laterality.RIGHT, "L", (U, U)),
        (3, Laterality.BOTH, "R", (U, U, U)),
    ],
)
def test_sides(knees: int, laterality: Laterality, zero: str, sides: tuple[Side, ...]) -> None:
    assert sides_of(knees, laterality, zero) == sides
