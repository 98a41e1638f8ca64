"""The images of the knees: enlarged once and encoded as JPEG, sharp enough to print and small enough to mail."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from koa_worker.system.own_mark import write_words

CROP_EDGE = 336  # pixels: 42 mm of paper at 200 dpi; half as many again as the model saw
CROP_QUALITY = 88


@dataclass(frozen=True, slots=True)
class Picture:
    """An encoded image; the page decides how large it is shown."""

    jpeg: bytes


def encode_crop(pixels: NDArray[np.uint8]) -> Picture:
    """A crop, gray or RGB, enlarged smoothly here, because some viewers enlarge pixels to visible squares."""
    large = cv2.resize(pixels, (CROP_EDGE, CROP_EDGE), interpolation=cv2.INTER_CUBIC)
    for_cv = cv2.cvtColor(large, cv2.COLOR_RGB2BGR) if large.ndim == 3 else large
    return Picture(write_words(cv2.imencode(".jpg", for_cv, [cv2.IMWRITE_JPEG_QUALITY, CROP_QUALITY])[1].tobytes()))
