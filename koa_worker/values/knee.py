"""A knee in an image: where it is, and what was found in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from koa_worker.values.grade import Grade, Heatmap
from koa_worker.values.joint_space import JointSpace
from koa_worker.values.side import Side

if TYPE_CHECKING:  # processes that handle no pixels start without loading NumPy
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in pixels of the stored image; it may reach over the image's edge."""

    x: int
    y: int
    width: int
    height: int

    def as_list(self) -> list[int]:
        return [self.x, self.y, self.width, self.height]


@dataclass(frozen=True, slots=True)
class KneeRoi:
    """One knee joint: the square for the model, and the side of the knee."""

    box: Box
    side: Side
    whole_frame: bool = False  # the image was a crop already and is used as a whole
    missing: float = 0.0  # share of the tibial plateau's width that is beyond the edge of the image
    turned: int = 0  # number of quarters by which the frame was turned anticlockwise until the knee was upright


@dataclass(frozen=True, slots=True, eq=False)
class GradedKnee:
    """All results of one knee."""

    roi: KneeRoi
    crop: NDArray[np.uint8]  # 224×224, as the model saw it
    grade: Grade
    heatmap: Heatmap
    joint_space: JointSpace | None = None  # None where the knee was not measured


@dataclass(frozen=True, slots=True)
class RefusedKnee:
    """A knee, or a leg in which no knee was found, without a grade; with the code of the reason."""

    roi: KneeRoi
    code: str
    detail: str = ""
