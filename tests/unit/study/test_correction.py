"""The effect of another side or pixel size on knees that are measured already."""

from __future__ import annotations

import pytest

from koa_worker.study.correction import Corrected, Geometry, joint_space_in, sides_in
from koa_worker.values import (
    Box,
    Compartment,
    CompartmentName,
    JointSpace,
    KneeRoi,
    Laterality,
    Side,
    Spacing,
    SpacingSource,
)

SAID = Geometry(Laterality.UNKNOWN, "R", Spacing(0.2, 0.2, SpacingSource.DETECTOR))
UPPER, LOWER = ((0.0, 10.0), (20.0, 10.0)), ((0.0, 14.0), (20.0, 18.0))


def place(x: int, turned: int = 0) -> KneeRoi:
    return KneeRoi(Box(x, 0, 10, 10), Side.UNKNOWN, turned=turned)


def space(spacing_mm: float | None) -> JointSpace:
    least, mean = (4 * spacing_mm, 6 * spacing_mm) if spacing_mm else (None, None)
    clear = Compartment(CompartmentName.LATERAL, True, 0.05, 0.07, least, mean, UPPER, LOWER)
    unclear = Compartment(CompartmentName.MEDIAL, False, None, None, None, None, UPPER, LOWER)
    return JointSpace((clear, unclear), SpacingSource.DETECTOR if spacing_mm else SpacingSource.NONE, 80.0)


def test_what_a_person_does_not_say_stays_as_the_header_says_it() -> None:
    assert Corrected().over(SAID) == SAID
    assert Corrected(column_zero_side="L").over(SAID) == Geometry(Laterality.UNKNOWN, "L", SAID.spacing)
    own = Spacing(0.1, 0.1, SpacingSource.CALIBRATED)
    assert Corrected(Laterality.LEFT, spacing=own).over(SAID) == Geometry(Laterality.LEFT, "R", own)


@pytest.mark.parametrize(
    ("places", "laterality", "column_zero", "sides"),
    [
        ((place(50), place(10)), Laterality.UNKNOWN, "R", (Side.LEFT, Side.RIGHT)),
        ((place(50), place(10)), Laterality.BOTH, "L", (Side.RIGHT, Side.LEFT)),
        ((place(50),), Laterality.RIGHT, "R", (Side.RIGHT,)),
        ((place(10), place(50)), Laterality.RIGHT, "R", (Side.UNKNOWN, Side.UNKNOWN)),
        ((place(10, 1), place(50, 1)), Laterality.BOTH, "R", (Side.UNKNOWN, Side.UNKNOWN)),
        ((place(10, 2), place(50, 2)), Laterality.BOTH, "R", (Side.RIGHT, Side.LEFT)),
        ((), Laterality.BOTH, "R", ()),
    ],
)
def test_sides_follow_the_places_from_left_to_right(
    places: tuple[KneeRoi, ...], laterality: Laterality, column_zero: str, sides: tuple[Side, ...]
) -> None:
    assert sides_in(places, Geometry(laterality, column_zero, None)) == sides


def test_another_side_renames_the_halves_and_another_size_changes_only_the_millimetres() -> None:
    fine = Spacing(0.1, 0.1, SpacingSource.CALIBRATED)
    now = joint_space_in(space(0.2), Side.LEFT, Geometry(Laterality.LEFT, "R", fine))
    left, right = now.compartments
    assert (left.name, right.name) == (CompartmentName.MEDIAL, CompartmentName.LATERAL)
    assert (left.min_mm, left.mean_mm) == (pytest.approx(0.4), pytest.approx(0.6, rel=0.05))
    assert (left.min_ratio, left.mean_ratio, left.femoral) == (0.05, 0.07, UPPER)
    assert (right.min_mm, right.clear) == (None, False)
    assert now.calibration is SpacingSource.CALIBRATED
    assert now.tibial_width_px == 80.0


def test_without_a_pixel_size_there_are_no_millimetres_and_without_a_side_no_names() -> None:
    now = joint_space_in(space(0.2), Side.UNKNOWN, Geometry(Laterality.UNKNOWN, "", None))
    assert [part.name for part in now.compartments] == [CompartmentName.PICTURE_LEFT, CompartmentName.PICTURE_RIGHT]
    assert (now.compartments[0].min_mm, now.calibration) == (None, SpacingSource.NONE)
