"""The views of a crop for the model: plain or mirrored, enlarged or reduced, and the part of the crop in each."""

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
    """A part of an image, in shares of its height and width."""

    top: float
    left: float
    bottom: float
    right: float


WHOLE = Part(0.0, 0.0, 1.0, 1.0)


@dataclass(frozen=True, slots=True)
class View:
    """One view; a scale above 1 enlarges, so that less of the crop is visible."""

    mirrored: bool = False
    scale: float = 1.0

    @classmethod
    def parse(cls, name: str) -> View:
        if re.fullmatch(PATTERN, name) is None:
            raise ValueError(f"{name!r} is no view, such as plain, mirrored or plain@1.06")
        kind, _, scale = name.partition("@")
        return cls(kind == "mirrored", float(scale or 1))

    def show(self, crop: NDArray[Any]) -> NDArray[Any]:
        """The crop in this view, with the same size; beyond the crop, its edge is repeated."""
        height, width = crop.shape
        if self.scale != 1:
            middle = ((width - 1) / 2, (height - 1) / 2)
            nearer = cv2.getRotationMatrix2D(middle, 0, self.scale)
            crop = np.asarray(
                cv2.warpAffine(crop, nearer, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
            )
        return np.asarray(cv2.flip(crop, 1)) if self.mirrored else crop

    def shown(self, part: Part) -> Part:
        """The part of the crop that `part` of this view shows."""
        left, right = (1 - part.right, 1 - part.left) if self.mirrored else (part.left, part.right)
        return Part(*(0.5 + (edge - 0.5) / self.scale for edge in (part.top, left, part.bottom, right)))
