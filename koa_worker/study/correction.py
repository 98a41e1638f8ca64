"""A person's correction of an image's sides and pixel size, and its effect on the knees; no model is needed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from koa_worker.study.sides import names_of, sides_of
from koa_worker.values import (
    Compartment,
    CompartmentName,
    JointSpace,
    KneeRoi,
    Laterality,
    Side,
    Spacing,
    SpacingSource,
)


@dataclass(frozen=True, slots=True)
class Geometry:
    """The sides of an image, and the size of its pixels."""

    laterality: Laterality
    column_zero_side: str
    spacing: Spacing | None


@dataclass(frozen=True, slots=True)
class Corrected:
    """A person's values that replace those of the header; None where the header counts."""

    laterality: Laterality | None = None
    column_zero_side: str | None = None
    spacing: Spacing | None = None

    def over(self, said: Geometry) -> Geometry:
        """The geometry of an image with this header after the correction."""
        return Geometry(
            said.laterality if self.laterality is None else self.laterality,
            said.column_zero_side if self.column_zero_side is None else self.column_zero_side,
            self.spacing or said.spacing,
        )


@dataclass(frozen=True, slots=True)
class Correction:
    """The last correction of an image; `what` is empty after it was withdrawn."""

    what: Corrected
    said: Geometry  # from the header
    who: str
    at: datetime

    @property
    def is_in_force(self) -> bool:
        return self.what != Corrected()


def sides_in(places: Sequence[KneeRoi], geometry: Geometry) -> tuple[Side, ...]:
    """The side of each knee of an image; a turned frame was upright when its knees were counted from left to right."""
    across = geometry.column_zero_side
    if any(place.turned % 2 for place in places):
        across = ""  # the knees lie one above the other
    order = sorted(range(len(places)), key=lambda number: places[number].box.x + places[number].box.width / 2)
    sides = sides_of(len(places), geometry.laterality, across)
    by_place = dict(zip(order, sides, strict=True))
    return tuple(by_place[number] for number in range(len(places)))


def joint_space_in(space: JointSpace, side: Side, geometry: Geometry) -> JointSpace:
    """The measured margins with the compartments' names and the millimetres that follow from the geometry."""
    spacing = geometry.spacing
    names = names_of(side, geometry.column_zero_side)
    left, right = (
        _measured(part, name, spacing) for part, name in zip(space.compartments, names, strict=True)
    )  # fmt: skip
    return replace(space, compartments=(left, right), calibration=spacing.source if spacing else SpacingSource.NONE)


def _measured(part: Compartment, name: CompartmentName, spacing: Spacing | None) -> Compartment:
    if not part.clear or spacing is None or spacing.source is SpacingSource.NONE:
        return replace(part, name=name, min_mm=None, mean_mm=None)
    # Imported here: the dispatcher, which measures nothing, does not load NumPy.
    import numpy as np  # noqa: PLC0415

    from koa_worker.study.widths import widths  # noqa: PLC0415

    margins = np.asarray(part.femoral, float), np.asarray(part.tibial, float)
    least_mm, mean_mm = widths(*margins, spacing.column_mm, spacing.row_mm)
    return replace(part, name=name, min_mm=least_mm, mean_mm=mean_mm)
