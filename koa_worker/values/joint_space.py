"""The measured width of the joint space."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from koa_worker.values.image import SpacingSource


class CompartmentName(StrEnum):
    """A half of the joint; named by its position in the image if the anatomical half is unknown."""

    MEDIAL = "medial"
    LATERAL = "lateral"
    PICTURE_LEFT = "picture_left"
    PICTURE_RIGHT = "picture_right"


WIDTHS = (
    "min_mm",
    "mean_mm",
    "min_ratio",
    "mean_ratio",
)  # the measurements of a compartment, by the names that all outputs use
Points = tuple[tuple[float, float], ...]  # x, y in pixels of the stored image


@dataclass(frozen=True, slots=True)
class Compartment:
    """The joint space of one half, between the margins of femur and tibia; no numbers if the margins are not clear."""

    name: CompartmentName
    clear: bool
    min_ratio: float | None  # as a share of the tibial plateau's width
    mean_ratio: float | None
    min_mm: float | None  # only if the file gives the pixel size
    mean_mm: float | None
    femoral: Points  # the weight-bearing part, from left to right
    tibial: Points


@dataclass(frozen=True, slots=True)
class JointSpace:
    """Both compartments from left to right in the image."""

    compartments: tuple[Compartment, Compartment]
    calibration: SpacingSource  # the plane of the millimetres; in the detector plane the magnification is unknown
    tibial_width_px: float  # across the plateau, in pixels of the stored image

    def find(self, name: CompartmentName) -> Compartment | None:
        return next((part for part in self.compartments if part.name is name), None)

    def width(self, name: CompartmentName, measure: str) -> float | None:
        """One of `WIDTHS` of a compartment; None if the compartment is missing or not clear."""
        part = self.find(name)
        width: float | None = getattr(part, measure) if part else None
        return width
