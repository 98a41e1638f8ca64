"""Metal on a drawn plate: a total knee prosthesis in a frontal view, which must not be graded."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from koa_worker.synthetic.truth import KneeTruth, Plate


def with_implant(plate: Plate, knee: KneeTruth) -> Plate:
    """The same plate with condyles, tray and stem of metal over one knee's joint."""
    x, y = knee.centre
    unit = knee.plateau_px
    metal = np.zeros(plate.pixels.shape, np.uint8)
    for side in (-1, 1):
        _oval(metal, (x + side * 0.26 * unit, y - 0.2 * unit), (0.24 * unit, 0.2 * unit))
    _block(metal, (x - 0.45 * unit, y - 0.32 * unit), (x + 0.45 * unit, y - 0.15 * unit))
    _block(metal, (x - 0.5 * unit, y + 0.05 * unit), (x + 0.5 * unit, y + 0.12 * unit))
    _block(metal, (x - 0.09 * unit, y + 0.1 * unit), (x + 0.09 * unit, y + 0.5 * unit))
    cover = cv2.GaussianBlur(metal, (0, 0), max(0.5, 0.004 * unit)).astype(np.float32) / 255
    # The console sets its window to the metal, so that bone beside it is darker than on other plates.
    mixed = plate.pixels * (0.75 * (1 - cover)) + np.float32(0.97 * 65535) * cover
    return replace(plate, pixels=mixed.astype(np.uint16))


def _oval(metal: NDArray[np.uint8], centre: tuple[float, float], axes: tuple[float, float]) -> None:
    cv2.ellipse(metal, (round(centre[0]), round(centre[1])), (round(axes[0]), round(axes[1])), 0, 0, 360, 255, -1)


def _block(metal: NDArray[np.uint8], first: tuple[float, float], last: tuple[float, float]) -> None:
    cv2.rectangle(metal, (round(first[0]), round(first[1])), (round(last[0]), round(last[1])), 255, -1)
