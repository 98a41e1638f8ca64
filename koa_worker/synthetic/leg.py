"""Adds one leg to the attenuation map: how much of the beam soft tissue and bones absorb."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from koa_worker.synthetic import anatomy, solid, texture
from koa_worker.synthetic.anatomy import Anatomy, Compartment, Points
from koa_worker.synthetic.blur import Map, resize
from koa_worker.synthetic.spec import KneeSpec, PlateSpec
from koa_worker.synthetic.truth import KneeTruth, TrueJointSpace
from koa_worker.values import Box, Side

# Attenuation for one mm at about 60 keV of mean energy; for bone, what it takes more than the tissue it displaces.
_MUSCLE, _FAT, _SPONGY, _CORTEX = 0.0225, 0.0195, 0.0125, 0.05
_LEVELS = [-6, -2.7, -1.5, -0.7, 0, 0.5, 1.2, 2, 3.2, 5]  # v in plateau widths, for the lists below
_SKIN_LATERAL = [1.3, 1.08, 0.92, 0.77, 0.69, 0.69, 0.79, 0.86, 0.74, 0.55]
_SKIN_MEDIAL = [1.35, 1.15, 1.05, 0.93, 0.83, 0.78, 0.86, 0.93, 0.8, 0.55]
_LEG_DEPTH_MM = [165, 145, 135, 125, 114, 108, 112, 110, 95, 80]


_BAND_STEPS = (0.35, 0.5, 0.65, 0.75, 0.85, 1.0)


@dataclass(frozen=True, slots=True)
class _Section:
    """A bone across its length: by level the half width at which full depth is reached, depth and cortex in mm.

    For a plateau of 76 mm; `filling` is how much of the inside is spongy bone and not marrow.
    """

    levels: tuple[float, ...]
    radius: tuple[float, ...]
    depth: tuple[float, ...]
    cortex: tuple[float, ...]
    filling: tuple[float, ...]


_FEMUR = _Section((-2.7, -1.2, -0.6, -0.2), (14, 17, 15, 11), (29, 33, 44, 50), (5.5, 3.0, 0.8, 0.4), (0.2, 0.5, 1, 1))
_TIBIA = _Section(
    (0.05, 0.35, 0.8, 1.5, 2.7),
    (9, 12, 15, 12, 11),
    (44, 42, 34, 29, 26),
    (0.4, 0.8, 2.4, 4.4, 5.4),
    (1, 1, 0.7, 0.3, 0.2),
)
_FIBULA = _Section((0.3, 0.6, 0.9, 2.7), (6, 6, 6, 6), (20, 18, 13, 12), (0.7, 1.2, 2.8, 3.3), (1, 0.9, 0.5, 0.3))
_PATELLA = _Section((-0.6, 0.0), (15, 15), (12, 12), (0.45, 0.45), (0.9, 0.9))


@dataclass(frozen=True, slots=True)
class Place:
    """The mapping of a knee's millimetres to pixels of the plate."""

    knee: KneeSpec
    x: float
    y: float
    spacing_mm: float
    centre_v: float

    def to_pixels(self, points: Points) -> Points:
        """(u, v) in mm → (x, y) in pixels."""
        angle = np.deg2rad(self.knee.tilt_deg)
        across = points[:, 0] * (1 if self.knee.side is Side.LEFT else -1)
        down = points[:, 1] - self.centre_v
        turned: Points = np.stack(
            [across * np.cos(angle) - down * np.sin(angle), across * np.sin(angle) + down * np.cos(angle)], axis=1
        )
        return np.asarray(turned / self.spacing_mm + np.array([self.x, self.y]), np.float64)

    def levels(self, first_row: int, rows: int) -> NDArray[np.float64]:
        """v in plateau widths for each row, along the leg's axis."""
        y = np.arange(first_row, first_row + rows) - self.y
        return np.asarray((y * self.spacing_mm + self.centre_v) / self.knee.plateau_mm, np.float64)


def add_leg(attenuation: Map, spec: PlateSpec, knee: KneeSpec, rng: np.random.Generator) -> KneeTruth:
    """Adds a leg to the map, and gives the truth of its knee."""
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


def _space(place: Place, part: Compartment) -> TrueJointSpace:
    return TrueJointSpace(part.min_mm, part.mean_mm, place.to_pixels(part.femoral), place.to_pixels(part.tibial))


def _add_soft_tissue(attenuation: Map, place: Place, rng: np.random.Generator) -> None:
    height, width = attenuation.shape
    step = max(1, round(0.4 / place.spacing_mm))  # soft tissue has no finer detail than that
    rows, columns = (np.linspace(0, size - 1, size // step + 1, dtype=np.float32) for size in (height, width))
    knee = place.knee
    girth = 1 + (knee.thigh - 1) * np.interp(_LEVELS, [-2, 1], [1.2, 0.6])
    left, right = _skin(place, girth, rows, rng)
    half = ((right - left) / 2).astype(np.float32)[:, None]
    off = np.abs(columns[None] - ((left + right) / 2).astype(np.float32)[:, None])
    level = ((rows - place.y) * place.spacing_mm + place.centre_v) / knee.plateau_mm
    depth_mm = np.interp(level, _LEVELS, _LEG_DEPTH_MM * girth).astype(np.float32)[:, None]
    fat_mm = np.float32(rng.uniform(4, 9) * knee.thigh**2)
    whole = _ellipse(off, half, depth_mm)
    lean = _ellipse(off, half - fat_mm / np.float32(place.spacing_mm), depth_mm - 2 * fat_mm)
    bellies = texture.clouds(rng, len(rows), len(columns), 22 / place.spacing_mm / step, 5)
    tissue = np.float32(_FAT) * whole + np.float32(_MUSCLE - _FAT) * lean * (1 + np.float32(0.3) * bellies)
    attenuation += resize(tissue, height, width)


def _skin(
    place: Place, girth: NDArray[np.float64], rows: Map, rng: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The leg's left and right edge in pixels for each row."""
    along = np.linspace(_LEVELS[0], _LEVELS[-1], 220)
    edges = []
    for sign, skin in ((1, _SKIN_LATERAL), (-1, _SKIN_MEDIAL)):
        half = _smooth_interp(along, skin * girth + rng.normal(0, 0.02, len(_LEVELS)))
        points = place.to_pixels(np.stack([sign * half, along], axis=1) * place.knee.plateau_mm)
        edges.append(np.interp(rows, points[:, 1], points[:, 0]))
    return np.minimum(*edges), np.maximum(*edges)


def _smooth_interp(along: NDArray[np.float64], values: NDArray[np.float64]) -> NDArray[np.float64]:
    curve = anatomy.smooth(np.stack([np.array(_LEVELS, float), values], axis=1))
    return np.interp(along, curve[:, 0], curve[:, 1])


def _ellipse(off: Map, half: Map, depth_mm: Map) -> Map:
    """Paths through an elliptic cylinder, row by row."""
    inside = np.maximum(1 - (off / half) ** 2, 0)
    return np.asarray(np.sqrt(inside) * depth_mm, np.float32)


def _add_bones(attenuation: Map, place: Place, shape: Anatomy, rng: np.random.Generator) -> None:
    for outline, section in (
        (shape.femur, _FEMUR),
        (shape.tibia, _TIBIA),
        (shape.fibula, _FIBULA),
        (shape.patella, _PATELLA),
    ):
        _add_bone(attenuation, place, outline, section, rng)
    for line in shape.lines:
        _add_band(attenuation, place, line, (0.9, 0.7), rng.uniform(0.06, 0.24))
    sclerosis = float(np.interp(place.knee.severity, [0, 1, 2, 3, 4], [0, 0.04, 0.12, 0.25, 0.45]))
    narrow_medially = shape.medial.min_mm < shape.lateral.min_mm
    for part, worn in ((shape.medial, narrow_medially), (shape.lateral, not narrow_medially)):
        strength = 0.28 + sclerosis * (1.0 if worn else 0.25)
        thick_mm = 1.5 + 9 * (strength - 0.28)
        _add_band(attenuation, place, part.tibial, (0.0, thick_mm), strength)
        _add_band(attenuation, place, part.femoral, (0.0, -thick_mm), strength * 0.6)


def _add_bone(attenuation: Map, place: Place, outline: Points, section: _Section, rng: np.random.Generator) -> None:
    height, width = attenuation.shape
    scale = place.knee.plateau_mm / 76
    margin = int(18 * scale / place.spacing_mm) + 2
    found = solid.depth(place.to_pixels(outline), height, width, margin)
    if found is None:
        return
    window = found.window
    level = place.levels(window.y, window.height)
    radius, depth_mm, cortex, filling = (
        np.interp(level, section.levels, values).astype(np.float32)[:, None]
        for values in (section.radius, section.depth, section.cortex, section.filling)
    )
    pixel = np.float32(scale / place.spacing_mm)
    spongy, hard = solid.bone(found.below, radius * pixel, depth_mm * np.float32(scale), cortex * pixel)
    spongy *= texture.trabeculae(rng, window.height, window.width, place.spacing_mm)
    spongy *= np.float32(_SPONGY) * filling
    hard *= np.float32(_CORTEX)
    _add_window(attenuation, (spongy + hard) * found.inside, window)


def _add_band(attenuation: Map, place: Place, line: Points, towards_mm: tuple[float, float], strength: float) -> None:
    """Denser bone beneath a margin, fading with the distance from it and towards its ends."""
    height, width = attenuation.shape
    swell = 0.25 + 0.75 * np.hanning(len(line))[:, None] ** 0.5
    reach = np.array(towards_mm) * place.knee.plateau_mm / 76
    for share in _BAND_STEPS:
        deep = line + share * reach * swell
        found = solid.coverage(place.to_pixels(np.vstack([line, deep[::-1]])), height, width)
        if found is not None:
            _add_window(attenuation, found[1] * np.float32(strength / len(_BAND_STEPS)), found[0])


def _add_window(attenuation: Map, values: Map, window: solid.PlatePart) -> None:
    height, width = attenuation.shape
    top, left = max(window.y, 0), max(window.x, 0)
    bottom, right = min(window.y + window.height, height), min(window.x + window.width, width)
    if bottom > top and right > left:
        part = values[top - window.y : bottom - window.y, left - window.x : right - window.x]
        attenuation[top:bottom, left:right] += part
