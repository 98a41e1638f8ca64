"""What to draw: the knees, the plate they lie on, the exposure and what else a plate carries; all of it by seed."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from koa_worker.values import Side

# Healthy widths on a fixed-flexion frame and what each step of the scale takes from the worn compartment, in mm.
_HEALTHY_MM = {"medial": 4.6, "lateral": 5.6}
_WORN_MM = (0.0, 0.4, 1.2, 2.5, 4.2)


class Collimation(StrEnum):
    """What the frame shows outside the collimator's opening."""

    NONE = "none"
    SHUTTER = "shutter"  # blanked to black by the console
    LEAD = "lead"  # left as it is: no exposure, so white, with a blurred edge


@dataclass(frozen=True, slots=True)
class KneeSpec:
    """One leg: which, how worn, how large, and how it stands."""

    side: Side
    severity: float = 0.0  # KL-like, 0 … 4: osteophytes and sclerosis grow with it
    medial_mm: float = 4.6  # least distance between the margins
    lateral_mm: float = 5.6
    plateau_mm: float = 76.0  # width of the tibial plateau without osteophytes
    tilt_deg: float = 0.0  # the leg turned in the picture's plane; positive leans its top to the right
    turn: float = 0.0  # about its own axis, -1 … 1: moves the patella and the fibula's head sideways
    thigh: float = 1.0  # girth, 1 = slim adult
    centre: tuple[float, float] = (0.5, 0.5)  # of the joint, as a share of the plate's width and height
    seed: int = 0  # of this knee's own shape


@dataclass(frozen=True, slots=True)
class PlateSpec:
    """A whole frame."""

    height: int
    width: int
    spacing_mm: float
    knees: tuple[KneeSpec, ...]
    seed: int = 0
    photons: float = 20_000.0  # for a 0.15 mm pixel in air: fewer, more grain
    scatter: float = 0.3  # scattered over primary radiation
    flatten: float = 0.35  # how far the console evens out large differences
    sharpen: float = 0.7
    blur_mm: float = 0.18
    gamma: float = 0.85
    contrast: float = 1.0  # below 1 the gray scale is not used up, above 1 it clips
    brightness: float = 0.0
    collimation: Collimation = Collimation.NONE
    collimation_deg: float = 0.0
    letters: bool = True  # a lead R or L beside each leg
    beads: bool = False  # a ruler with calibration beads
    boxes: int = 0  # black boxes where text stood

    def __post_init__(self) -> None:
        """Refuses values that cannot be drawn."""
        if self.height < 32 or self.width < 32 or not self.knees or self.spacing_mm <= 0:
            raise ValueError("a plate needs 32 pixels each way, a pixel size and at least one knee")


def random_knee(
    rng: np.random.Generator, side: Side, *, severity: float | None = None, centre: tuple[float, float] = (0.5, 0.5)
) -> KneeSpec:
    """A random knee with a realistic size, wear and position."""
    grade = float(rng.choice(5, p=[0.4, 0.18, 0.22, 0.14, 0.06])) if severity is None else severity
    worn = float(np.interp(grade, range(5), _WORN_MM)) + rng.normal(0, 0.3)
    spared = -0.15 * worn + rng.normal(0, 0.4)
    medial, lateral = (worn, spared) if rng.random() < 0.75 else (spared, worn)
    return KneeSpec(
        side=side,
        severity=grade,
        medial_mm=float(np.clip(_HEALTHY_MM["medial"] - medial, 0.3, 8.5)),
        lateral_mm=float(np.clip(_HEALTHY_MM["lateral"] - lateral, 0.3, 8.5)),
        plateau_mm=float(np.clip(rng.normal(78, 6), 64, 94)),
        tilt_deg=float(np.clip(rng.normal(0, 3), -8, 8)),
        turn=float(rng.uniform(-1, 1)),
        thigh=float(rng.uniform(0.9, 1.35)),
        centre=centre,
        seed=int(rng.integers(2**31)),
    )


def random_spec(rng_or_seed: np.random.Generator | int, *, longest: int | None = None) -> PlateSpec:
    """A random plate: one or two legs, long plates and narrow strips, with few or many other objects.

    `longest` fixes the longer side in pixels, for tests that draw many.
    """
    rng = np.random.default_rng(rng_or_seed) if isinstance(rng_or_seed, int) else rng_or_seed
    two, strip = rng.random() < 0.5, rng.random() < 0.15
    width_mm, height_mm = _field(rng, two=two, strip=strip)
    pixels = longest or int(rng.choice([700, 1000, 1500, 2000, 2500]))
    spacing = max(width_mm, height_mm) / pixels
    row = rng.uniform(0.36, 0.64)
    if two:
        apart = rng.uniform(0.46, 0.54)
        places = [(0.5 + side * apart / 2 + rng.normal(0, 0.01), row + rng.normal(0, 0.015)) for side in (-1, 1)]
        knees = tuple(random_knee(rng, s, centre=c) for s, c in zip((Side.RIGHT, Side.LEFT), places, strict=True))
    else:
        side = Side.RIGHT if rng.random() < 0.5 else Side.LEFT
        knees = (random_knee(rng, side, centre=(rng.uniform(0.42, 0.58), row)),)
    return PlateSpec(
        height=round(height_mm / spacing),
        width=round(width_mm / spacing),
        spacing_mm=spacing,
        knees=knees,
        seed=int(rng.integers(2**31)),
        photons=float(rng.choice([2_000, 6_000, 20_000, 40_000])),
        scatter=rng.uniform(0.1, 0.6),
        flatten=rng.uniform(0.0, 0.55),
        sharpen=rng.uniform(0.0, 1.0),
        blur_mm=rng.uniform(0.12, 0.3),
        gamma=rng.uniform(0.75, 1.35),
        contrast=rng.uniform(0.65, 1.12),
        brightness=rng.uniform(-0.03, 0.12),
        collimation=Collimation.NONE if strip else Collimation(rng.choice(list(Collimation), p=[0.5, 0.35, 0.15])),
        collimation_deg=float(np.clip(rng.normal(0, 1.2), -4, 4)),
        letters=bool(rng.random() < 0.7 and not strip),
        beads=bool(rng.random() < 0.3 and not strip),
        boxes=int(rng.choice([0, 0, 1, 2])),
    )


def crop_spec(knee: KneeSpec, *, size: int = 224, seed: int = 0) -> PlateSpec:
    """A frame like the training crops: a square 1.2 times as wide as the plateau, centred on the joint."""
    return PlateSpec(size, size, 1.2 * knee.plateau_mm / size, (knee,), seed=seed, letters=False, photons=120_000)


def _field(rng: np.random.Generator, *, two: bool, strip: bool) -> tuple[float, float]:
    """Width and height of the exposed field in mm."""
    width = rng.uniform(330, 430) if two else rng.uniform(170, 250)
    if strip:
        return width, rng.uniform(0.26, 0.33) * width if two else rng.uniform(0.52, 0.7) * width
    return width, rng.uniform(0.7, 1.1) * width if two else rng.uniform(1.2, 1.75) * width
