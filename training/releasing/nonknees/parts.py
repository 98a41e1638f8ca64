"""Bone that is not an upright knee in the middle: other views, other parts of the body, rearranged knees."""

from __future__ import annotations

import cv2
import numpy as np

from koa_worker.knee.grading.prepare import SIZE, Picture, equalize

from .canvas import MIDDLE, Chance, blob, placed, point, turned, warped, waves


def other_view(crop: Picture, chance: Chance) -> Picture:
    """Something like a lateral view: one compartment as wide as a knee, bent above the joint."""
    half = crop[:, : int(SIZE * chance.uniform(0.45, 0.62))]
    half = half if chance.random() < 0.5 else crop[:, SIZE - half.shape[1] :]
    wide = np.asarray(cv2.resize(half, (SIZE, SIZE), interpolation=cv2.INTER_CUBIC), np.uint8)
    if chance.random() < 0.4:
        return warped(wide, chance, turn=30, zoom=0.3, shift=0.1)
    angle = float(chance.choice([-1, 1]) * chance.uniform(25, 80))
    thigh = turned(wide, angle, zoom=1.0, centre=(MIDDLE, SIZE * 0.5))
    mixed = np.maximum(np.where(np.arange(SIZE)[:, None] < SIZE * 0.55, thigh, 0), _lower(wide))
    return equalize(warped(mixed.astype(np.uint8), chance, turn=20, zoom=0.2, shift=0.1))


def elsewhere(crop: Picture, chance: Chance) -> Picture:
    """Bone, but no whole joint in the middle: beside it, far too close, far too small, or with no joint space."""
    kind = chance.integers(4)
    if kind == 0:
        away = float(chance.choice([-1, 1]) * chance.uniform(0.38, 0.6) * SIZE)
        shift = (away, 0.0) if chance.random() < 0.4 else (0.0, away)
        return placed(crop, angle=chance.uniform(-20, 20), zoom=chance.uniform(0.9, 1.3), shift=shift)
    if kind == 1:
        shift = tuple(chance.uniform(-0.7, 0.7, 2) * SIZE)
        return placed(crop, angle=chance.uniform(-180, 180), zoom=chance.uniform(2.3, 4.0), shift=shift)
    if kind == 2:
        small = placed(crop, angle=chance.uniform(-20, 20), zoom=chance.uniform(0.2, 0.45), shift=(0.0, 0.0))
        return equalize(small)
    return _erased(crop, chance)


def rearranged(crop: Picture, chance: Chance) -> Picture:
    """The textures of a knee in an order that no knee has."""
    parts = int(chance.choice([2, 2, 3, 4]))
    edge = SIZE // parts
    tiles = [crop[edge * (n // parts) :][:edge, edge * (n % parts) :][:, :edge] for n in range(parts * parts)]
    halves = ([2, 3, 0, 1], [1, 0, 3, 2], [3, 2, 1, 0])  # each one no knee
    order = halves[chance.integers(3)] if parts == 2 else np.roll(chance.permutation(len(tiles)), 1)
    rows = [np.hstack([tiles[n] for n in order[parts * r : parts * (r + 1)]]) for r in range(parts)]
    return np.asarray(cv2.resize(np.vstack(rows), (SIZE, SIZE)), np.uint8)


def bones(crop: Picture, chance: Chance) -> Picture:
    """Shafts, balls and rings of bone as other parts of the body show them."""
    plane = np.full((SIZE, SIZE), chance.uniform(10, 70), np.float32)
    flesh = np.zeros((SIZE, SIZE), np.uint8)
    blob(flesh, chance, 70, 200)
    plane += cv2.GaussianBlur(flesh, (0, 0), 4) * np.float32(chance.uniform(0.1, 0.4))
    for _ in range(int(chance.integers(1, 6))):
        body = np.zeros((SIZE, SIZE), np.uint8)
        if chance.random() < 0.6:
            cv2.line(body, point(chance), point(chance), 255, int(chance.integers(12, 80)))
        else:
            blob(body, chance, 12, 80)
        rim = body - cv2.erode(body, np.ones((3, 3), np.uint8), iterations=int(chance.integers(1, 4)))
        plane += cv2.GaussianBlur(body, (0, 0), 2) * np.float32(chance.uniform(0.1, 0.35))
        plane += cv2.GaussianBlur(rim, (0, 0), 1) * np.float32(chance.uniform(0.1, 0.35))
    plane += (crop.astype(np.float32) - 128) * np.float32(chance.uniform(0, 0.08)) + waves(chance, 10)
    return equalize(np.clip(plane, 0, 255).astype(np.uint8))


def blurred(crop: Picture, chance: Chance) -> Picture:
    """The crop with so much blur that it cannot be graded."""
    return np.asarray(cv2.GaussianBlur(crop, (0, 0), chance.uniform(9, 16)), np.uint8)


def _erased(crop: Picture, chance: Chance) -> Picture:
    """The joint space filled with bone of the same knee."""
    made, high = crop.copy(), int(SIZE * chance.uniform(0.3, 0.4))
    top = int(MIDDLE) - high // 2
    source = crop[SIZE - high :] if chance.random() < 0.5 else crop[:high]
    made[top : top + high] = source if chance.random() < 0.5 else source[::-1]
    return warped(made, chance, turn=15, zoom=0.2, shift=0.05)


def _lower(picture: Picture) -> Picture:
    return np.asarray(np.where(np.arange(SIZE)[:, None] >= SIZE * 0.48, picture, 0), np.uint8)
