"""The objects on a plate besides the patient: lead letters, a bead ruler, collimator edges, blackened text."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from koa_worker.synthetic.blur import Map, blur
from koa_worker.synthetic.spec import Collimation, PlateSpec
from koa_worker.synthetic.truth import KneeTruth
from koa_worker.values import Side

_LEAD = 3.0  # attenuation of a letter or bead, on top of what lies under it


def add_letters(attenuation: Map, spec: PlateSpec, truths: tuple[KneeTruth, ...], rng: np.random.Generator) -> None:
    """An R or L on the lateral side of each leg, above or below the joint, well away from the bone."""
    height, width = attenuation.shape
    tall = rng.uniform(14, 24) / spec.spacing_mm
    layer = np.zeros(attenuation.shape, np.uint8)
    for truth in truths:
        text = "L" if truth.side is Side.LEFT else "R"
        outward = 1 if truth.side is Side.LEFT else -1
        x = truth.centre[0] + outward * rng.uniform(0.85, 1.15) * truth.plateau_px
        y = truth.centre[1] + rng.choice([-1.4, -0.9, 0.9, 1.3]) * truth.plateau_px
        x = float(np.clip(x, 0, max(width - tall, 0)))
        y = float(np.clip(y, tall * 1.1, height - 3))
        thick = max(1, round(tall * rng.uniform(0.1, 0.2)))
        cv2.putText(layer, text, (round(x), round(y)), cv2.FONT_HERSHEY_SIMPLEX, tall / 22, (255,), thick, cv2.LINE_AA)
    attenuation += layer * np.float32(_LEAD / 255)


def add_beads(attenuation: Map, spec: PlateSpec, rng: np.random.Generator) -> None:
    """A plastic ruler with a column of metal beads between the legs, or at the edge beside a single one."""
    height, width = attenuation.shape
    middle = width * (rng.uniform(0.48, 0.52) if len(spec.knees) > 1 else rng.choice([0.035, 0.965]))
    half = 7 / spec.spacing_mm
    lean = rng.uniform(-0.03, 0.03)
    ends = [(middle - lean * height / 2, 0.0), (middle + lean * height / 2, float(height))]
    bar = [(x + way * half, y) for (x, y), ways in zip(ends, ((-1, 1), (1, -1)), strict=True) for way in ways]
    layer = np.zeros(attenuation.shape, np.uint8)
    cv2.fillPoly(layer, [np.round(bar).astype(np.int32)], (round(rng.uniform(8, 30)),))
    for y in np.arange(rng.uniform(0.05, 0.2) * height, rng.uniform(0.75, 0.95) * height, 30 / spec.spacing_mm):
        x = middle + lean * (y - height / 2)
        cv2.circle(layer, (round(x * 16), round(y * 16)), round(2 / spec.spacing_mm * 16), (255,), -1, cv2.LINE_AA, 4)
    attenuation += layer * np.float32(_LEAD / 255)


def opening(spec: PlateSpec, rng: np.random.Generator) -> Map | None:
    """1 where the collimator lets the beam through, nearly 0 outside; askew by a few degrees at most.

    None: the beam is wider than the plate.
    """
    shape = (spec.height, spec.width)
    if spec.collimation is Collimation.NONE:
        return None
    # The legs' own margins stay free: a technician opens the field to the skin.
    left, right, top, bottom = 1 - rng.uniform(0.0, 0.06, 4)
    corners = np.array([(1 - left, 1 - top), (right, 1 - top), (right, bottom), (1 - left, bottom)]) - 0.5
    angle = np.deg2rad(spec.collimation_deg)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    placed = (corners * (spec.width, spec.height)) @ turn + (spec.width / 2, spec.height / 2)
    mask = np.zeros(shape, np.float32)
    cv2.fillPoly(mask, [np.round(placed * 16).astype(np.int32)], (1.0,), cv2.LINE_8, 4)
    return np.maximum(blur(mask, max(0.5 / spec.spacing_mm, 0.5)), np.float32(0.002))


def blacken(pixels: NDArray[np.uint16], spec: PlateSpec, field: Map | None, rng: np.random.Generator) -> None:
    """Blank what the console's shutter hides, and the boxes where a name stood."""
    if field is not None and spec.collimation is Collimation.SHUTTER:
        pixels[field < 0.5] = 0
    for _ in range(spec.boxes):
        height, width = round(rng.uniform(0.02, 0.09) * spec.height), round(rng.uniform(0.05, 0.16) * spec.width)
        x = round(rng.choice([0.0, rng.uniform(0.0, 0.2), rng.uniform(0.8, 1.0), 1.0]) * (spec.width - width))
        y = round(rng.choice([0.0, 0.04, 0.93, 1.0]) * (spec.height - height))
        pixels[y : y + height, x : x + width] = 0
