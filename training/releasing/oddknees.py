"""Training crops as worse or stranger radiographs would have shown them: knees that a gate must not refuse."""

from __future__ import annotations

import cv2
import numpy as np

from koa_worker.knee.grading.prepare import SIZE, Picture, equalize

from ..fitting.augment import STRONG, USUAL, augment, compress

Chance = np.random.Generator


def make(crop: Picture, chance: Chance) -> Picture:
    """The crop at another hospital: framing, exposure and grain, and the narrow strips and few pixels of exports."""
    changed = augment(crop, chance, STRONG if chance.random() < 0.4 else USUAL, SIZE)
    if chance.random() < 0.4:
        changed = coarse(changed, chance)
    if chance.random() < 0.3:
        changed = strip(changed, chance)
    if chance.random() < 0.3:
        changed = equalize(_flattened(changed, chance))
    return changed


def coarse(crop: Picture, chance: Chance) -> Picture:
    """The crop with as few pixels as the finder accepts, resized to the network's size again."""
    edge = int(chance.uniform(90, 180))
    small = cv2.resize(crop, (edge, edge), interpolation=cv2.INTER_AREA)
    if chance.random() < 0.5:
        small = compress(np.asarray(small, np.uint8), int(chance.uniform(40, 95)))
    return np.asarray(cv2.resize(small, (SIZE, SIZE), interpolation=cv2.INTER_CUBIC), np.uint8)


def strip(crop: Picture, chance: Chance) -> Picture:
    """A frame with fewer rows than the square: its first and last rows are repeated."""
    top, bottom = (int(share * SIZE) for share in chance.uniform(0, [0.2, 0.42] if chance.random() < 0.5 else 0.2, 2))
    rows = np.clip(np.arange(SIZE), top, SIZE - 1 - bottom)
    return crop[rows]


def _flattened(crop: Picture, chance: Chance) -> Picture:
    """Soft tissue over bone: the slow brightness that equalisation removed, and less contrast."""
    across, down = np.meshgrid(np.linspace(-1, 1, SIZE), np.linspace(-1, 1, SIZE))
    slope = chance.normal(0, 25) * across + chance.normal(0, 25) * down - chance.uniform(0, 50) * across**2
    return np.clip(crop * chance.uniform(0.3, 0.9) + slope + chance.uniform(10, 80), 0, 255).astype(np.uint8)
