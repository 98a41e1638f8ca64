"""Metal on a drawn plate: prostheses, a plate with its screws, and a nail. No grade may be given to such a knee."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from enum import StrEnum

import cv2
import numpy as np
from numpy.typing import NDArray

from koa_worker.synthetic.truth import KneeTruth, Plate


class ImplantKind(StrEnum):
    """The kinds of metal at knees, seen from the front."""

    TOTAL = "total"
    UNICONDYLAR = "unicondylar"
    PLATE = "plate and screws"
    NAIL = "nail"


Canvas = NDArray[np.uint8]
Drawer = Callable[["_Metal"], None]


def with_implant(plate: Plate, knee: KneeTruth, kind: ImplantKind = ImplantKind.TOTAL) -> Plate:
    """The same plate with metal over one knee's joint."""
    metal = _Metal(np.zeros(plate.pixels.shape, np.uint8), *knee.centre, knee.plateau_px)
    _DRAWERS[kind](metal)
    blur = max(0.5, 0.004 * knee.plateau_px)
    cover = cv2.GaussianBlur(metal.canvas, (0, 0), blur).astype(np.float32) / 255
    # The console sets its window to the metal, so that bone beside it is darker than on other plates.
    mixed = plate.pixels * (0.75 * (1 - cover)) + np.float32(0.97 * 65535) * cover
    return replace(plate, pixels=mixed.astype(np.uint16))


class _Metal:
    """Shapes placed in widths of the plateau from the joint's middle, right and down."""

    def __init__(self, canvas: Canvas, x: float, y: float, unit: float) -> None:
        self.canvas, self.x, self.y, self.unit = canvas, x, y, unit

    def oval(self, right: float, down: float, wide: float, high: float) -> None:
        axes = round(wide * self.unit), round(high * self.unit)
        cv2.ellipse(self.canvas, self._at(right, down), axes, 0, 0, 360, 255, -1)

    def block(self, left: float, top: float, right: float, bottom: float) -> None:
        cv2.rectangle(self.canvas, self._at(left, top), self._at(right, bottom), 255, -1)

    def rod(self, start: tuple[float, float], end: tuple[float, float], wide: float) -> None:
        cv2.line(self.canvas, self._at(*start), self._at(*end), 255, max(2, round(wide * self.unit)))

    def _at(self, right: float, down: float) -> tuple[int, int]:
        return round(self.x + right * self.unit), round(self.y + down * self.unit)


def _total(metal: _Metal) -> None:
    """Condyles, and a tray with its stem."""
    for side in (-1, 1):
        metal.oval(side * 0.26, -0.2, 0.24, 0.2)
    metal.block(-0.45, -0.32, 0.45, -0.15)
    metal.block(-0.5, 0.05, 0.5, 0.12)
    metal.block(-0.09, 0.1, 0.09, 0.5)


def _unicondylar(metal: _Metal) -> None:
    """One condyle and half a tray with its keel."""
    metal.oval(-0.27, -0.17, 0.17, 0.15)
    metal.block(-0.47, 0.05, -0.06, 0.11)
    metal.block(-0.28, 0.1, -0.22, 0.24)


def _plate(metal: _Metal) -> None:
    """Along the outside of the tibia, with screws below the plateau and into the shaft."""
    metal.rod((0.44, 0.1), (0.3, 0.62), 0.08)
    for down in (0.14, 0.22, 0.3):
        metal.rod((0.44, down), (-0.3, down), 0.06)
    metal.rod((0.34, 0.48), (-0.12, 0.48), 0.06)


def _nail(metal: _Metal) -> None:
    """Up the femur from the notch, locked by two screws across."""
    metal.rod((0.0, -0.1), (0.02, -0.75), 0.13)
    for up in (-0.3, -0.42):
        metal.rod((-0.38, up), (0.38, up), 0.06)


_DRAWERS: dict[ImplantKind, Drawer] = {
    ImplantKind.TOTAL: _total,
    ImplantKind.UNICONDYLAR: _unicondylar,
    ImplantKind.PLATE: _plate,
    ImplantKind.NAIL: _nail,
}
