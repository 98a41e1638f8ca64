"""Raw crops as other hospitals' consoles would expose, sharpen and store them, equalised afterwards as in the worker.

The order matters: equalisation comes after the changes of a console, hides some of them and enhances the rest. The same
change to the equalised crop has another effect.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from koa_worker.knee.grading.prepare import SIZE, Picture, equalize

from ..fitting.augment import compress

Chance = np.random.Generator
GRAINS = (0.0, 0.005, 0.015, 0.03)  # of the range
BRIGHTEST = 1.15  # of the whole range: with more, it is no longer an image of bone
LEAST_PIXELS, MOST_PIXELS = 80, 180  # pixels of the side, if an image has few


def shown(raw: Picture, chance: Chance) -> Picture:
    """The crop as the network would get it if another console had processed it."""
    return equalize(exposed(raw, chance))


def exposed(raw: Picture, chance: Chance) -> Picture:
    """The same before equalisation."""
    return stored(as_levels(raw) ** np.exp(chance.normal(0, 0.35)), chance)


def as_levels(raw: Picture) -> NDArray[np.float32]:
    """The gray values as levels between 0 and 1, for any exposure."""
    low, high = np.percentile(raw, [1, 99.5])
    return np.asarray(np.clip((raw - np.float32(low)) / np.float32(max(high - low, 1.0)), 0, 1), np.float32)


def stored(levels: NDArray[np.float32], chance: Chance) -> Picture:
    """Gain and offset, sharpening, grain, few pixels and JPEG, each at random."""
    gain = chance.uniform(0.35, 1.05)
    levels = levels * np.float32(gain) + np.float32(chance.uniform(0, BRIGHTEST - gain))
    if chance.random() < 0.4:
        slow = cv2.GaussianBlur(levels, (0, 0), chance.uniform(1, 3))
        levels = np.asarray(levels + np.float32(chance.uniform(0.3, 1.5)) * (levels - slow), np.float32)
    grainy = levels + chance.normal(0, float(chance.choice(GRAINS)), levels.shape)
    picture = np.asarray(np.clip(grainy * 255, 0, 255), np.uint8)
    if chance.random() < 0.3:
        side = int(chance.uniform(LEAST_PIXELS, MOST_PIXELS))
        few = cv2.resize(picture, (side, side), interpolation=cv2.INTER_AREA)
        picture = np.asarray(cv2.resize(few, (SIZE, SIZE), interpolation=cv2.INTER_CUBIC), np.uint8)
    return compress(picture, int(chance.uniform(40, 95))) if chance.random() < 0.4 else picture
