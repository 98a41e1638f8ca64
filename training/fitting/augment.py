"""Changes that a knee crop may show at another hospital: framing, exposure, sharpness, grain, compression.

`augment` is for an equalised crop: it changes the properties that remain after equalisation. `augment_raw` is for a
crop whose raw image is known: it changes the raw image, and equalises it afterwards as the worker does.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from koa_worker.knee.grading.prepare import SIZE, equalize

Picture = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Augmentation:
    """The largest size of each change, and for rare changes their probability."""

    mirror: float = 0.5
    rotation: float = 12.0  # degrees, either way
    scale: float = 0.15  # log of the largest enlargement
    aspect: float = 0.06
    shift: float = 0.08  # of the width
    gamma: float = 0.35  # log
    contrast: float = 0.25  # log
    brightness: float = 15.0
    blur: float = 1.3  # sigma in pixels
    grain: float = 12.0  # sigma in gray levels
    coarse: float = 0.0  # probability of an export of fewer pixels
    compression: int = 40  # lowest JPEG quality
    rare: float = 0.2  # probability of blur, grain, compression and equalisation, each
    hide: float = 0.1  # probability that a part of the crop is missing


NONE = Augmentation(mirror=0, rotation=0, scale=0, aspect=0, shift=0, gamma=0, contrast=0, brightness=0, rare=0, hide=0)
# About the settings of the first experiment: little framing, no change of sharpness.
LIGHT = Augmentation(
    rotation=8, scale=0.1, aspect=0.0, shift=0.05, gamma=0.2, contrast=0.2, brightness=20, rare=0.05, hide=0.0
)
USUAL = Augmentation()
STRONG = Augmentation(rotation=15, scale=0.25, aspect=0.1, shift=0.1, gamma=0.6, contrast=0.4, rare=0.35, hide=0.25)
# What makes the radiographs of other hospitals other: pixels, exposure, sharpness and grain, rather than the pose.
HOSPITALS = Augmentation(scale=0.2, gamma=0.6, contrast=0.4, blur=1.8, coarse=0.25, rare=0.4)
LEVELS = {"none": NONE, "light": LIGHT, "usual": USUAL, "strong": STRONG, "hospitals": HOSPITALS}

# The changes before equalisation, which enhances grain more than fourfold on the training crops, and undoes much of a
# change of exposure. A radiograph rarely shows a black edge, and the worker repeats edge pixels beyond it.
RAW_GRAIN = 1 / 4
RAW_CONTRAST = 3.0  # how much further contrast may fall than rise
RAW_BLACK_EDGE = 0.1
RAW_COMPRESSION = 0.25  # probability of rare changes
CLIP_LIMITS = (2.0, 8.0)

# Pixels across the crop of an export that keeps fewer of them, such as one made for a screen.
COARSE_WIDTHS = (96, 192)


def augment(picture: Picture, chance: np.random.Generator, how: Augmentation, size: int) -> Picture:
    """The crop as another radiograph could have shown it, at the training size."""
    changed = _frame(picture, chance, how, size)
    if _happens(how.coarse, chance):
        changed = _coarsen(changed, chance)
    if chance.random() < how.rare:
        changed = _equalize_again(changed, chance)
    changed = _expose(changed, chance, how)
    if chance.random() < how.rare:
        sigma = chance.uniform(0.3, how.blur)
        changed = np.asarray(cv2.GaussianBlur(changed, (0, 0), sigma), dtype=np.uint8)
    if chance.random() < how.rare:
        changed = _grain(changed, chance, how.grain)
    if chance.random() < how.hide:
        changed = _hide(changed, chance)
    if chance.random() < how.rare:
        changed = compress(changed, int(chance.integers(how.compression, 95)))
    return changed


def augment_raw(raw: Picture, chance: np.random.Generator, how: Augmentation, size: int) -> Picture:
    """The raw 224×224 crop as another radiograph could have shown it, then equalised and enlarged as in the worker."""
    changed = _frame(raw, chance, how, SIZE, black_edge=RAW_BLACK_EDGE)
    if _happens(how.coarse, chance):
        changed = _coarsen(changed, chance)
    if chance.random() < how.hide:
        changed = _hide(changed, chance)
    changed = _expose_raw(changed, chance, how)
    if chance.random() < how.rare:
        sigma = chance.uniform(0.3, how.blur)
        changed = np.asarray(cv2.GaussianBlur(changed, (0, 0), sigma), dtype=np.uint8)
    if chance.random() < how.rare:
        changed = _grain(changed, chance, RAW_GRAIN * how.grain)
    if chance.random() < RAW_COMPRESSION * how.rare:
        changed = compress(changed, int(chance.integers(how.compression, 95)))
    return enlarge(_equalize_somehow(changed, chance, how), size)


def enlarge(picture: Picture, size: int) -> Picture:
    """The 224×224 crop at the network's size, resized in the same way as by the first layer of a released network."""
    if picture.shape == (size, size):
        return picture
    return np.asarray(cv2.resize(picture, (size, size), interpolation=cv2.INTER_LINEAR), dtype=np.uint8)


def _frame(
    picture: Picture, chance: np.random.Generator, how: Augmentation, size: int, *, black_edge: float = 0.3
) -> Picture:
    """Mirror, turn, scale, squeeze and shift in one resampling."""
    height, width = picture.shape
    zoom = size / width * np.exp(chance.uniform(-how.scale, how.scale))
    squeeze = np.exp(chance.uniform(-how.aspect, how.aspect) / 2)
    angle = np.deg2rad(chance.uniform(-how.rotation, how.rotation))
    flip = -1.0 if chance.random() < how.mirror else 1.0
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    matrix = turn @ np.diag([zoom * squeeze * flip, zoom / squeeze])
    centre = np.array([(width - 1) / 2, (height - 1) / 2])
    target = (size - 1) / 2 + chance.uniform(-how.shift, how.shift, 2) * size
    affine = np.column_stack([matrix, target - matrix @ centre])
    edge = cv2.BORDER_REPLICATE if chance.random() < 1 - black_edge else cv2.BORDER_CONSTANT
    return np.asarray(
        cv2.warpAffine(picture, affine, (size, size), flags=cv2.INTER_LINEAR, borderMode=edge), dtype=np.uint8
    )


def _happens(probability: float, chance: np.random.Generator) -> bool:
    """Draws no number for what never happens, so that older settings keep the order of theirs."""
    return probability > 0 and chance.random() < probability


def _coarsen(picture: Picture, chance: np.random.Generator) -> Picture:
    """Fewer pixels, enlarged again as the worker enlarges a small crop."""
    size = picture.shape[0]
    width = round(size / SIZE * chance.integers(*COARSE_WIDTHS))
    few = cv2.resize(picture, (width, width), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(few, (size, size), interpolation=cv2.INTER_LINEAR), dtype=np.uint8)


def _expose(picture: Picture, chance: np.random.Generator, how: Augmentation) -> Picture:
    """Gamma, contrast and brightness as one table of 256 values."""
    levels = np.linspace(0, 1, 256) ** np.exp(chance.uniform(-how.gamma, how.gamma))
    levels = (levels - 0.5) * np.exp(chance.uniform(-how.contrast, how.contrast)) + 0.5
    levels = levels * 255 + chance.uniform(-how.brightness, how.brightness)
    return np.asarray(np.clip(levels, 0, 255).astype(np.uint8)[picture])


def _expose_raw(picture: Picture, chance: np.random.Generator, how: Augmentation) -> Picture:
    """Gamma, then contrast and position within the range, as one table of 256 values."""
    levels = np.linspace(0, 1, 256) ** np.exp(chance.uniform(-how.gamma, how.gamma))
    gain = np.exp(chance.uniform(-RAW_CONTRAST * how.contrast, how.contrast))
    levels = levels * gain + chance.uniform(min(0, 1 - gain), max(0, 1 - gain))
    levels = levels * 255 + chance.uniform(-how.brightness, how.brightness)
    return np.asarray(np.clip(levels, 0, 255).round().astype(np.uint8)[picture])


def _equalize_somehow(picture: Picture, chance: np.random.Generator, how: Augmentation) -> Picture:
    """Equalises as the worker does; rarely with another limit, and more rarely still not at all."""
    if chance.random() >= how.rare:
        return equalize(picture)
    return equalize(picture, chance.uniform(*CLIP_LIMITS)) if chance.random() < 0.75 else picture


def _equalize_again(picture: Picture, chance: np.random.Generator) -> Picture:
    """Stronger equalisation, which also resembles a crop that was equalised twice, or weaker equalisation."""
    if chance.random() < 0.6:
        clip = chance.uniform(1.0, 5.0)
        return np.asarray(cv2.createCLAHE(clip, (8, 8)).apply(picture), dtype=np.uint8)
    # Weaker: restore some of the slow brightness that equalisation removed, bright where bone is thick.
    slow = cv2.GaussianBlur(picture, (0, 0), picture.shape[0] / 8)
    share = chance.uniform(0.5, 0.9)
    mixed = cv2.addWeighted(picture, share, slow, 1 - share, 0)
    return np.asarray(mixed, dtype=np.uint8)


def _grain(picture: Picture, chance: np.random.Generator, most: float) -> Picture:
    """Noise of the detector, sometimes slightly smoothed, as exports do."""
    noise = chance.standard_normal(picture.shape, dtype=np.float32) * np.float32(chance.uniform(most / 6, most))
    if chance.random() < 0.4:
        noise = np.asarray(cv2.GaussianBlur(noise, (0, 0), 0.7) * 2, dtype=np.float32)
    return np.asarray(np.clip(picture + noise, 0, 255), dtype=np.uint8)


def _hide(picture: Picture, chance: np.random.Generator) -> Picture:
    """A collimator's edge on one side, or a black box where text stood."""
    size = picture.shape[0]
    hidden = picture.copy()
    if chance.random() < 0.5:
        depth = int(size * chance.uniform(0.02, 0.15))
        hidden = np.rot90(hidden, turns := int(chance.integers(4))).copy()
        hidden[:depth] = 0
        return np.rot90(hidden, -turns).copy()
    height, width = (size * chance.uniform(0.05, 0.25, 2)).astype(int)
    top, left = int(chance.integers(size - height)), int(chance.integers(size - width))
    hidden[top : top + height, left : left + width] = int(chance.choice([0, int(picture.mean())]))
    return hidden


def compress(picture: Picture, quality: int) -> Picture:
    data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_GRAYSCALE), dtype=np.uint8)
