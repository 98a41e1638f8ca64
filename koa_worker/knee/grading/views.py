"""The views of a crop for the model: as it is or with a level plateau, mirrored, scaled; and the part in each."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

# As the manifest names them: `plain`, `mirrored@1.06`, `levelled-plain`.
PATTERN = r"^(levelled-)?(plain|mirrored)(@(0\.[89]\d?|1\.[0-2]\d?))?$"
_LEVELLED = "levelled-"


@dataclass(frozen=True, slots=True)
class Part:
    """A part of an image, in shares of its height and width."""

    top: float
    left: float
    bottom: float
    right: float


WHOLE = Part(0.0, 0.0, 1.0, 1.0)


@dataclass(frozen=True, slots=True)
class View:
    """One view; a scale above 1 enlarges, so that less of the crop is visible.

    A levelled view turns the crop about its middle by the tilt of the knee's plateau, so that the plateau is level.
    """

    mirrored: bool = False
    scale: float = 1.0
    levelled: bool = False

    @classmethod
    def parse(cls, name: str) -> View:
        if re.fullmatch(PATTERN, name) is None:
            raise ValueError(f"{name!r} is no view, such as plain, mirrored, levelled-plain or plain@1.06")
        kind, _, scale = name.removeprefix(_LEVELLED).partition("@")
        return cls(kind == "mirrored", float(scale or 1), name.startswith(_LEVELLED))

    def show(self, crop: NDArray[Any], tilt: float = 0.0) -> NDArray[Any]:
        """The crop in this view, with the same size; beyond the crop, its edge is repeated.

        `tilt` is the plateau's, in degrees, for a levelled view.
        """
        angle = tilt if self.levelled else 0.0
        if self.scale != 1 or angle:
            height, width = crop.shape
            turn = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), angle, self.scale)
            method = cv2.INTER_CUBIC if angle else cv2.INTER_LINEAR
            crop = np.asarray(
                cv2.warpAffine(crop, turn, (width, height), flags=method, borderMode=cv2.BORDER_REPLICATE)
            )
        return np.asarray(cv2.flip(crop, 1)) if self.mirrored else crop

    def shown(self, part: Part) -> Part:
        """The part of the crop that `part` of this view shows, but for the turn of a levelled view."""
        left, right = (1 - part.right, 1 - part.left) if self.mirrored else (part.left, part.right)
        return Part(*(0.5 + (edge - 0.5) / self.scale for edge in (part.top, left, part.bottom, right)))
