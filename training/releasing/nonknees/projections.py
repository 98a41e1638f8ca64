"""Knees from other directions, drawn: from the side, and along the thigh with the patella before it."""

from __future__ import annotations

import cv2
import numpy as np

from koa_worker.knee.grading.prepare import SIZE, Picture, equalize

from .canvas import MIDDLE, Chance, Plane, warped, waves


def lateral(crop: Picture, chance: Chance) -> Picture:
    """One round end of the femur over the other on a narrow plateau, the patella in front, the fibula behind."""
    plane, x, joint = _flesh(chance), MIDDLE + chance.uniform(-15, 15), MIDDLE + chance.uniform(-10, 25)
    radius = chance.uniform(42, 72)
    bend, lean = np.deg2rad(chance.uniform(-5, 75)), np.deg2rad(chance.uniform(-15, 25))
    thigh = x + 2 * SIZE * np.sin(bend), joint - radius - 2 * SIZE * np.cos(bend)
    shin = x - 2 * SIZE * np.sin(lean), joint + 2 * SIZE * np.cos(lean)
    for away in (0.0, chance.uniform(2, 12)):
        femur = np.zeros((SIZE, SIZE), np.uint8)
        _disc(femur, (x + away, joint - radius), (radius, radius * chance.uniform(0.85, 1.05)))
        if away == 0:
            _shaft(femur, (x, joint - radius * 1.2), thigh, radius * chance.uniform(0.8, 1.2))
        _add(plane, femur, crop, chance)
    tibia = np.zeros((SIZE, SIZE), np.uint8)
    gap = joint + chance.uniform(0, 8)
    wide = radius * chance.uniform(0.9, 1.15)
    corners = [
        (x - wide, gap),
        (x + wide, gap + chance.uniform(-8, 8)),
        (x + wide * 0.5, gap + 60),
        (x - wide * 0.6, gap + 60),
    ]
    cv2.fillPoly(tibia, [np.array(corners, np.int32)], (255,))
    _shaft(tibia, (x, gap + 40), shin, radius * chance.uniform(0.7, 1.0))
    _add(plane, tibia, crop, chance)
    thin = np.zeros((SIZE, SIZE), np.uint8)
    behind = x - wide * chance.uniform(0.6, 1.0)
    _shaft(thin, (behind, gap + chance.uniform(15, 35)), (shin[0] - wide * 0.7, shin[1]), radius * 0.3)
    _add(plane, thin, crop, chance)
    patella = np.zeros((SIZE, SIZE), np.uint8)
    _disc(
        patella,
        (x + radius + chance.uniform(8, 26), joint - radius * chance.uniform(0.8, 1.7)),
        (chance.uniform(9, 17), chance.uniform(18, 32)),
    )
    _add(plane, patella, crop, chance)
    return _finished(plane, chance, turn=25)


def skyline(crop: Picture, chance: Chance) -> Picture:
    """The patella above the groove between both condyles; no tibia below."""
    plane, x, y = _flesh(chance), MIDDLE + chance.uniform(-12, 12), MIDDLE + chance.uniform(-20, 30)
    half = chance.uniform(60, 105)
    femur = np.zeros((SIZE, SIZE), np.uint8)
    for side in (-1, 1):
        high = half * chance.uniform(0.5, 0.8)
        _disc(femur, (x + side * half * 0.5, y + high), (half * chance.uniform(0.5, 0.62), high))
    cv2.rectangle(femur, (int(x - half), int(y + half * 0.6)), (int(x + half), int(y + half * 1.6)), 255, -1)
    _add(plane, femur, crop, chance)
    patella = np.zeros((SIZE, SIZE), np.uint8)
    wide, deep = half * chance.uniform(0.4, 0.65), chance.uniform(14, 28)
    top = y - deep * 2 + chance.uniform(-4, 8)
    tip = (x + chance.uniform(-10, 10), top + 2 * deep)
    corners = [
        (x - wide, top + deep * 0.6),
        (x - wide * 0.5, top),
        (x + wide * 0.5, top),
        (x + wide, top + deep * 0.6),
        tip,
    ]
    cv2.fillPoly(patella, [np.array(corners, np.int32)], (255,))
    _add(plane, patella, crop, chance)
    return _finished(plane, chance, turn=20)


def _flesh(chance: Chance) -> Plane:
    return np.full((SIZE, SIZE), chance.uniform(15, 60), np.float32) + waves(chance, 12)


def _disc(body: Picture, centre: tuple[float, float], axes: tuple[float, float]) -> None:
    cv2.ellipse(body, (round(centre[0]), round(centre[1])), (round(axes[0]), round(axes[1])), 0, 0, 360, 255, -1)


def _shaft(body: Picture, start: tuple[float, float], end: tuple[float, float], wide: float) -> None:
    first, last = ((round(x), round(y)) for x, y in (start, end))
    cv2.line(body, first, last, 255, max(2, round(wide)))


def _add(plane: Plane, body: Picture, crop: Picture, chance: Chance) -> None:
    """Bone of this shape over what is there already: dense, denser at its rim, with the grain of the crop's bone."""
    rim = body - cv2.erode(body, np.ones((3, 3), np.uint8), iterations=int(chance.integers(1, 4)))
    soft = cv2.GaussianBlur(body, (0, 0), chance.uniform(1, 2.5)).astype(np.float32) / 255
    grain = crop.astype(np.float32) - cv2.GaussianBlur(crop, (0, 0), 6).astype(np.float32)
    plane += soft * (np.float32(chance.uniform(25, 70)) + grain * np.float32(chance.uniform(0.2, 0.7)))
    plane += cv2.GaussianBlur(rim, (0, 0), 1).astype(np.float32) * np.float32(chance.uniform(0.05, 0.25))


def _finished(plane: Plane, chance: Chance, turn: float) -> Picture:
    made = np.clip(plane, 0, 255).astype(np.uint8)
    made = np.asarray(cv2.flip(made, 1), np.uint8) if chance.random() < 0.5 else made
    return equalize(warped(made, chance, turn=turn, zoom=0.25, shift=0.08))
