"""The looks that a net takes at a crop: as it is or mirrored, nearer or farther, and which part of it that shows."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

PATTERN = r"^(plain|mirrored)(@(0\.[89]\d?|1\.[0-2]\d?))?$"  # as the manifest names them: `plain`, `mirrored@1.06`


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a picture, in shares of its height and width."""

    top: float
    left: float
    bottom: float
    right: float


WHOLE = Part(0.0, 0.0, 1.0, 1.0)


@dataclass(frozen=True, slots=True)
class View:
    """One look; a scale above 1 is nearer, so that less of the crop is seen."""

    mirrored: bool = False
    scale: float = 1.0

    @classmethod
    def parse(cls, name: str) -> View:
        if re.fullmatch(PATTERN, name) is None:
            raise ValueError(f"{name!r} is no view, such as plain, mirrored or plain@1.06")
        kind, _, scale = name.partition("@")
        return cls(kind == "mirrored", float(scale or 1))

    def show(self, crop: NDArray[Any]) -> NDArray[Any]:
        """The crop in this view, as large as it was; what lies beyond its edge looks like the edge."""
        height, width = crop.shape
        if self.scale != 1:
            middle = ((width - 1) / 2, (height - 1) / 2)
            nearer = cv2.getRotationMatrix2D(middle, 0, self.scale)
            crop = np.asarray(
                cv2.warpAffine(crop, nearer, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
            )
        return np.asarray(cv2.flip(crop, 1)) if self.mirrored else crop

    def shown(self, part: Part) -> Part:
        """Where on the crop that lies which is `part` of this view."""
        left, right = (1 - part.right, 1 - part.left) if self.mirrored else (part.left, part.right)
        return Part(*(0.5 + (edge - 0.5) / self.scale for edge in (part.top, left, part.bottom, right)))
