"""One leg's attenuation: how much of the beam soft tissue and bones take, added to the plate's map."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from koa_worker.synthetic import anatomy, solid, texture
from koa_worker.synthetic.anatomy import Anatomy, Compartment, Points
from koa_worker.synthetic.solid import Map
from koa_worker.synthetic.spec import Knee, PlateSpec
from koa_worker.synthetic.truth import JointSpace, KneeTruth
from koa_worker.values import Box, Side

# Attenuation for one mm at about 60 keV of mean energy; for bone, what it takes more than the tissue it displaces.
_MUSCLE, _FAT, _SPONGY, _CORTEX = 0.0225, 0.0195, 0.0125, 0.05
_LEVELS = [-6, -2.7, -1.5, -0.7, 0, 0.5, 1.2, 2, 3.2, 5]  # v in plateau widths, for the lists below
_SKIN_LATERAL = [1.3, 1.08, 0.92, 0.77, 0.69, 0.69, 0.79, 0.86, 0.74, 0.55]
_SKIN_MEDIAL = [1.35, 1.15, 1.05, 0.93, 0.83, 0.78, 0.86, 0.93, 0.8, 0.55]
_LEG_DEPTH_MM = [165, 145, 135, 125, 114, 108, 112, 110, 95, 80]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a knee's millimetres lie on the plate."""

    knee: Knee
    x: float
    y: float
    spacing_mm: float
    centre_v: float

    def to_pixels(self, points: Points) -> Points:
        """(u, v) in mm → (x, y) in pixels."""
        angle = np.deg2rad(self.knee.tilt_deg)
        across = points[:, 0] * (1 if self.knee.side is Side.LEFT else -1)
        down = points[:, 1] - self.centre_v
        turned = np.stack(
            [across * np.cos(angle) - down * np.sin(angle), across * np.sin(angle) + down * np.cos(angle)], axis=1
        )
        return turned / self.spacing_mm + (self.x, self.y)

    def levels(self, first_row: int, rows: int) -> NDArray[np.float64]:
        """v in plateau widths for each row, along the leg's axis."""
        y = np.arange(first_row, first_row + rows) - self.y
        return (y * self.spacing_mm + self.centre_v) / self.knee.plateau_mm


def add_leg(attenuation: Map, spec: PlateSpec, knee: Knee, rng: np.random.Generator) -> KneeTruth:
    """Add a leg to the map and say what is true of its knee."""
    height, width = attenuation.shape
    shape = anatomy.build(knee)
    x, y = knee.centre[0] * width - 0.5, knee.centre[1] * height - 0.5
    place = Place(knee, x, y, spec.spacing_mm, shape.centre_v)
    _add_soft_tissue(attenuation, place, rng)
    _add_bones(attenuation, place, shape, rng)
    return _truth(place, shape)


def _truth(place: Place, shape: Anatomy) -> KneeTruth:
    plateau = place.knee.plateau_mm / place.spacing_mm
    side = round(1.2 * plateau)
    return KneeTruth(
        side=place.knee.side,
        severity=place.knee.severity,
        centre=(place.x, place.y),
        plateau_px=plateau,
        box=Box(round(place.x + 0.5 - side / 2), round(place.y + 0.5 - side / 2), side, side),
        medial=_space(place, shape.medial),
        lateral=_space(place, shape.lateral),
    )


def _space(place: Place, part: Compartment) -> JointSpace:
    return JointSpace(part.min_mm, part.mean_mm, place.to_pixels(part.femoral), place.to_pixels(part.tibial))


def _add_soft_tissue(attenuation: Map, place: Place, rng: np.random.Generator) -> None:
    height, width = attenuation.shape
    knee, size = place.knee, place.knee.plateau_mm
    girth = 1 + (knee.thigh - 1) * np.interp(_LEVELS, [-2, 1], [1.2, 0.6])
    wobble = rng.normal(0, 0.02, (2, len(_LEVELS)))
    along = np.linspace(_LEVELS[0], _LEVELS[-1], 220)
    edges = []
    for sign, skin, jitter in ((1, _SKIN_LATERAL, wobble[0]), (-1, _SKIN_MEDIAL, wobble[1])):
        half = _smooth_interp(along, skin * girth + jitter)
        points = place.to_pixels(np.stack([sign * half, along], axis=1) * size)
        edges.append(np.interp(np.arange(height), points[:, 1], points[:, 0]))
    left, right = np.minimum(*edges), np.maximum(*edges)
    half_px = ((right - left) / 2).astype(np.float32)[:, None]
    middle = ((left + right) / 2).astype(np.float32)[:, None]
    depth_mm = np.interp(place.levels(0, height), _LEVELS, _LEG_DEPTH_MM * girth).astype(np.float32)[:, None]
    off = np.abs(np.arange(width, dtype=np.float32)[None] - middle)
    fat_px = np.float32(rng.uniform(4, 9) * knee.thigh**2 / place.spacing_mm)
    whole = _ellipse(off, half_px, depth_mm)
    lean = _ellipse(off, half_px - fat_px, depth_mm - 2 * fat_px * place.spacing_mm)
    coarse = max(1, round(2 / place.spacing_mm))  # muscle has no detail finer than that
    bellies = texture.clouds(rng, height // coarse + 1, width // coarse + 1, 22 / place.spacing_mm / coarse, 5)
    bellies = cv2.resize(bellies, (width, height), interpolation=cv2.INTER_LINEAR)
    attenuation += _FAT * whole + (_MUSCLE - _FAT) * lean * (1 + 0.3 * bellies) + 0.0006 * lean * bellies


def _smooth_interp(along: NDArray[np.float64], values: NDArray[np.float64]) -> NDArray[np.float64]:
    curve = anatomy.smooth(np.stack([np.array(_LEVELS, float), values], axis=1))
    return np.interp(along, curve[:, 0], curve[:, 1])


def _ellipse(off: Map, half: Map, depth_mm: Map) -> Map:
    """Paths through an elliptic cylinder, row by row."""
    inside = np.maximum(1 - (off / half) ** 2, 0)
    return cv2.sqrt(inside) * depth_mm  # type: ignore[return-value]


def _add_bones(attenuation: Map, place: Place, shape: Anatomy, rng: np.random.Generator) -> None:
    # Section by level: half width at which full depth is reached, depth and cortex, all in mm for a 76 mm plateau.
    femur = ([-2.7, -1.2, -0.6, -0.2], [14, 17, 15, 11], [29, 33, 46, 54], [5.5, 3.0, 0.9, 0.45])
    tibia = ([0.05, 0.35, 0.8, 1.5, 2.7], [10, 12, 15, 12, 11], [46, 44, 34, 29, 26], [0.55, 0.9, 2.4, 4.2, 5.2])
    fibula = ([0.3, 0.6, 0.9, 2.7], [6, 6, 6, 6], [15, 14, 11, 11], [0.5, 0.9, 2.2, 2.8])
    patella = ([-0.6], [13], [19], [0.7])
    for outline, section in (
        (shape.femur, femur), (shape.tibia, tibia), (shape.fibula, fibula), (shape.patella, patella),
    ):  # fmt: skip
        _add_bone(attenuation, place, outline, section, rng)
    sclerosis = float(np.interp(place.knee.severity, [0, 1, 2, 3, 4], [0, 0.05, 0.2, 0.45, 0.8]))
    narrow_medially = shape.medial.min_mm < shape.lateral.min_mm
    for part, worn in ((shape.medial, narrow_medially), (shape.lateral, not narrow_medially)):
        _add_subchondral(attenuation, place, part, 0.16 + sclerosis * (1.0 if worn else 0.3))


def _add_bone(
    attenuation: Map,
    place: Place,
    outline: Points,
    section: tuple[list[float], list[float], list[float], list[float]],
    rng: np.random.Generator,
) -> None:
    height, width = attenuation.shape
    scale = place.knee.plateau_mm / 76
    margin = int(18 * scale / place.spacing_mm) + 2
    found = solid.depth(place.to_pixels(outline), height, width, margin)
    if found is None:
        return
    window = found.window
    level = place.levels(window.y, window.height)
    columns = [np.interp(level, section[0], values) * scale for values in section[1:]]
    radius, depth_mm, cortex = (c.astype(np.float32)[:, None] for c in columns)
    spongy, hard = solid.bone(found.below, radius / place.spacing_mm, depth_mm, cortex / place.spacing_mm)
    spongy *= texture.trabeculae(rng, window.height, window.width, place.spacing_mm)
    _add_window(attenuation, (spongy * np.float32(_SPONGY) + hard * np.float32(_CORTEX)) * found.inside, window)


def _add_subchondral(attenuation: Map, place: Place, part: Compartment, strength: float) -> None:
    """The dense plate under each margin, thicker and denser where the joint is worn."""
    height, width = attenuation.shape
    thick_mm = (1.0 + 3.0 * strength) * place.knee.plateau_mm / 76
    count = len(part.tibial)
    fade = np.hanning(count)[:, None] ** 0.4
    for margin, way, share in ((part.tibial, 1.0, 1.0), (part.femoral, -1.0, 0.55)):
        deep = margin + np.array([0.0, way]) * (thick_mm * (0.35 + 0.65 * fade))
        band = np.vstack([margin, deep[::-1]])
        found = solid.depth(place.to_pixels(band), height, width, 4)
        if found is None:
            continue
        peak = np.float32(thick_mm / 2 / place.spacing_mm)
        profile = np.minimum(found.below / peak, 1) * found.inside
        _add_window(attenuation, profile * np.float32(strength * share), found.window)


def _add_window(attenuation: Map, values: Map, window: solid.Window) -> None:
    height, width = attenuation.shape
    top, left = max(window.y, 0), max(window.x, 0)
    bottom, right = min(window.y + window.height, height), min(window.x + window.width, width)
    if bottom > top and right > left:
        part = values[top - window.y : bottom - window.y, left - window.x : right - window.x]
        attenuation[top:bottom, left:right] += part
