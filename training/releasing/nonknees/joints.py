"""Another joint with a level line, put together of a knee's parts: the ankle, seen from the front."""

from __future__ import annotations

import cv2
import numpy as np

from koa_worker.knee.grading.prepare import SIZE, Picture, equalize

from .canvas import MIDDLE, Chance, Plane, warped, waves

ABOVE, BELOW = (0.46, 0.53), (0.54, 0.6)  # of a crop's height: where the femur ends, and where the tibia begins


def ankle(crop: Picture, chance: Chance) -> Picture:
    """A shin that stands on its plateau's end, a narrow dome below it, and a malleolus down each side of the dome."""
    line = int(SIZE * chance.uniform(0.4, 0.6))
    plane = np.full((SIZE, SIZE), chance.uniform(15, 70), np.float32) + waves(chance, 12)
    shin = crop[int(chance.uniform(*BELOW) * SIZE) :][::-1]
    _lay(plane, shin, (0.0, SIZE * chance.uniform(0.65, 1.05)), (0, line), chance)
    middle, wide = chance.uniform(-0.08, 0.08) * SIZE, SIZE * chance.uniform(0.45, 0.72)
    gap = int(SIZE * chance.uniform(-0.03, 0.03))
    _lay(plane, _dome(crop, chance), (middle, wide), (line + gap, SIZE), chance)
    for side in (-1, 1):
        beside = MIDDLE + middle + side * (wide / 2 + SIZE * chance.uniform(0.02, 0.12))
        _malleolus(plane, crop, (beside, line), chance)
    made = np.clip(plane, 0, 255).astype(np.uint8)
    return equalize(warped(made, chance, turn=12, zoom=0.25, shift=0.06))


def _dome(crop: Picture, chance: Chance) -> Picture:
    """One condyle or both, standing on their head."""
    femur = crop[: int(chance.uniform(*ABOVE) * SIZE)][::-1]
    half = SIZE // 2
    return (femur, femur[:, :half], femur[:, half:])[int(chance.integers(3))]


def _lay(plane: Plane, part: Picture, across: tuple[float, float], rows: tuple[int, int], chance: Chance) -> None:
    """The part into these rows, this wide and this far from the middle; its edges fade into what is there."""
    wide, high = round(across[1]), rows[1] - rows[0]
    body = np.asarray(cv2.resize(np.ascontiguousarray(part), (wide, high), interpolation=cv2.INTER_CUBIC), np.float32)
    left = round(MIDDLE + across[0] - wide / 2)
    first, last = max(0, left), min(SIZE, left + wide)
    down, aside = (np.minimum(np.arange(length) + 1, np.arange(length, 0, -1)) for length in (high, wide))
    if rows[0] == 0:  # the shaft goes on beyond the frame
        down[: high // 2] = high
    fade = chance.uniform(0.03, 0.15, 2)
    share = np.minimum(1, np.minimum.outer(down / (fade[0] * high), aside / (fade[1] * wide))).astype(np.float32)
    share, body = share[:, first - left : last - left], body[:, first - left : last - left]
    there = plane[rows[0] : rows[1], first:last]
    there[:] = share * body + (1 - share) * there


def _malleolus(plane: Plane, crop: Picture, foot: tuple[float, float], chance: Chance) -> None:
    """A rounded tongue of bone from above the line to below it, with a dense rim and the grain of the crop."""
    body = np.zeros((SIZE, SIZE), np.uint8)
    x, line = foot
    wide = SIZE * chance.uniform(0.07, 0.15)
    ends = (line - SIZE * chance.uniform(0.1, 0.5), line + SIZE * chance.uniform(0.06, 0.3))
    top, tip = ((round(x + chance.uniform(-8, 8)), round(y)) for y in ends)
    cv2.line(body, top, tip, 255, round(wide))
    rim = body - cv2.erode(body, np.ones((3, 3), np.uint8), iterations=int(chance.integers(1, 4)))
    soft = cv2.GaussianBlur(body, (0, 0), chance.uniform(1, 2.5)).astype(np.float32) / 255
    grain = crop.astype(np.float32) - cv2.GaussianBlur(crop, (0, 0), 6).astype(np.float32)
    plane += soft * (np.float32(chance.uniform(5, 50)) + grain * np.float32(chance.uniform(0.1, 0.6)))
    plane += cv2.GaussianBlur(rim, (0, 0), 1).astype(np.float32) * np.float32(chance.uniform(0.05, 0.25))
