"""Knees with metal over the joint."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from koa_worker.knee.grading.prepare import SIZE, Picture, equalize

from .. import consoles
from .canvas import MIDDLE, Chance, warped, waves


def implant(crop: Picture, chance: Chance) -> Picture:
    """Metal over the joint: a total or half prosthesis, seen from the front or not, or plates, nails and screws."""
    picture = warped(crop, chance, turn=12, zoom=0.45, shift=0.15)
    metal = _shape(chance, zoom=0.3)
    cover = cv2.GaussianBlur(metal, (0, 0), chance.uniform(0.4, 1.4)).astype(np.float32) / 255
    # The exposure is set by the metal's white, so that the bone beside it is darker and flatter than usual.
    bone = picture.astype(np.float32) * chance.uniform(0.35, 0.9) + chance.uniform(0, 25)
    bright = np.float32(chance.uniform(205, 255)) + waves(chance, chance.uniform(0, 12))
    mixed = np.clip(bone * (1 - cover) + bright * cover, 0, 255).astype(np.uint8)
    return equalize(mixed) if chance.random() < 0.85 else mixed


def over(raw: Picture, chance: Chance) -> tuple[Picture, NDArray[np.bool_]]:
    """A crop before equalisation with metal as one of many consoles shows it, and where the metal is."""
    metal = _shape(chance, zoom=0.25)
    cover = cv2.GaussianBlur(metal, (0, 0), chance.uniform(0.4, 1.3)).astype(np.float32) / 255
    bone = consoles.as_levels(warped(raw, chance, turn=8, zoom=0.15, shift=0.06)) / np.float32(chance.uniform(1.1, 2.2))
    even = np.clip(1 + waves(chance, chance.uniform(0, 0.04)), 0.8, 1.1) + bone * np.float32(chance.uniform(0, 0.12))
    levels = np.clip(bone * (1 - cover) + even * cover, 0, 1.2) ** np.exp(chance.normal(0, 0.35))
    return consoles.stored(levels.astype(np.float32), chance), metal > 127


def _shape(chance: Chance, zoom: float) -> Picture:
    """One of all kinds, anywhere about the joint."""
    metal = np.zeros((SIZE, SIZE), np.uint8)
    drawers = (_total, _total, _half, _half, _curved, _hardware, _hardware)
    drawers[int(chance.integers(len(drawers)))](metal, chance)
    return warped(metal, chance, turn=15, zoom=zoom, shift=0.08, border=cv2.BORDER_CONSTANT)


def _total(metal: Picture, chance: Chance) -> None:
    """Condyles and a tray with its stem."""
    middle, joint = int(MIDDLE), int(MIDDLE + chance.uniform(-12, 12))
    half, top = int(chance.uniform(55, 100)), joint - int(chance.uniform(45, 105))
    cv2.rectangle(metal, (middle - half, top + 25), (middle + half, joint - 14), 255, -1)
    for side in (-1, 1):
        centre, wide = (int(middle + side * half * 0.55), joint - 22), int(half * 0.48)
        _oval(metal, centre, (wide, int(chance.uniform(16, 34))))
        _oval(metal, (centre[0], top + 25), (wide, int(chance.uniform(8, 40))))
    if chance.random() < 0.6:
        _oval(metal, (middle, joint - 10), (int(half * 0.25), int(chance.uniform(10, 45))), level=0)
    gap, thick = joint + int(chance.uniform(2, 14)), int(chance.uniform(6, 18))
    cv2.rectangle(metal, (middle - half, gap), (middle + half, gap + thick), 255, -1)
    wide_stem, deep = chance.uniform(8, 30), chance.uniform(20, 110)
    stem = [(-wide_stem, 0), (wide_stem, 0), (wide_stem * 0.4, deep), (-wide_stem * 0.4, deep)]
    cv2.fillPoly(metal, [np.array([(middle + x, gap + y) for x, y in stem], np.int32)], (255,))
    if chance.random() < 0.2:
        cv2.line(metal, (middle, top), (middle, 0), 255, int(chance.uniform(10, 26)))


def _half(metal: Picture, chance: Chance) -> None:
    """One compartment's, or the patella's: as small as an implant gets."""
    away = chance.choice([-1, 0, 1], p=[0.4, 0.2, 0.4]) * chance.uniform(35, 60)
    x, joint = int(MIDDLE + away), int(MIDDLE)
    wide, high = int(chance.uniform(18, 42)), int(chance.uniform(10, 50))
    around = np.linspace(0, 2 * np.pi, 12, endpoint=False)
    corners = chance.uniform(0.7, 1.0, (12, 1)) * np.column_stack([np.cos(around), np.sin(around)])
    cv2.fillPoly(metal, [(corners * (wide, high) + (x, joint - high)).astype(np.int32)], (255,))
    if chance.random() < 0.75:
        cv2.rectangle(metal, (x - wide, joint + 5), (x + wide, joint + 5 + int(chance.uniform(4, 12))), 255, -1)
        if chance.random() < 0.6:
            end = (x + int(chance.uniform(-10, 10)), joint + int(chance.uniform(20, 60)))
            cv2.line(metal, (x, joint + 8), end, 255, int(chance.uniform(3, 10)))


def _curved(metal: Picture, chance: Chance) -> None:
    """The femoral part from the side: a thick C, with a tray below."""
    wide, high = (int(axis) for axis in chance.uniform(40, 95, 2))
    x, y = int(MIDDLE + chance.uniform(-30, 30)), int(MIDDLE - chance.uniform(0, 40))
    start = chance.uniform(-40, 60)
    end = start + chance.uniform(120, 230)
    cv2.ellipse(metal, (x, y), (wide, high), 0, start, end, 255, int(chance.uniform(10, 50)))
    if chance.random() < 0.7:
        tray = y + high + int(chance.uniform(6, 20))
        cv2.rectangle(metal, (x - 50, tray), (x + 50, tray + int(chance.uniform(6, 14))), 255, -1)
        below = (x + int(chance.normal(0, 8)), tray + int(chance.uniform(20, 90)))
        cv2.line(metal, (x, tray), below, 255, int(chance.uniform(10, 26)))


def _hardware(metal: Picture, chance: Chance) -> None:
    """A plate with its screws, a nail, or screws alone."""
    x = int(chance.uniform(30, SIZE - 30))
    if chance.random() < 0.7:
        end = (int(x + chance.normal(0, 15)), SIZE)
        cv2.line(metal, (x, int(chance.uniform(0, 120))), end, 255, int(chance.uniform(8, 22)))
    for _ in range(int(chance.integers(2, 8))):
        y = int(chance.uniform(40, SIZE))
        end = (int(x + chance.choice([-1, 1]) * chance.uniform(60, 130)), int(y + chance.normal(0, 12)))
        cv2.line(metal, (x, y), end, 255, int(chance.uniform(4, 11)))


def _oval(metal: Picture, centre: tuple[int, int], axes: tuple[int, int], level: int = 255) -> None:
    cv2.ellipse(metal, centre, axes, 0, 0, 360, level, -1)
