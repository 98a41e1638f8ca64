"""The bones' outlines around one knee joint, in millimetres, with joint spaces of exactly the wanted widths.

Coordinates: u towards the patient's lateral side, v towards the foot; the origin lies in the middle of the tibial
plateau. The shapes are drawn in units of the plateau's width, so that a large knee is a small one scaled.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from koa_worker.synthetic.spec import KneeSpec

Points = NDArray[np.float64]  # n × 2

# Each outline runs from the lateral margin of the shaft through the joint to the medial one.
_TIBIA_LATERAL = [
    (0.13, 6.0), (0.13, 2.2), (0.155, 1.5), (0.205, 0.9), (0.27, 0.64), (0.365, 0.43), (0.45, 0.27), (0.492, 0.15),
]  # fmt: skip
_TIBIA_TOP = [
    (0.5, 0.045), (0.47, 0.008), (0.38, 0.004), (0.28, 0.016), (0.18, -0.008), (0.115, -0.055), (0.065, -0.095),
    (0.005, -0.08), (-0.055, -0.107), (-0.105, -0.065), (-0.175, -0.006), (-0.28, 0.03), (-0.38, 0.026), (-0.47, 0.004),
    (-0.5, 0.035),
]  # fmt: skip
_TIBIA_MEDIAL = [
    (-0.495, 0.13), (-0.465, 0.27), (-0.4, 0.43), (-0.315, 0.64), (-0.245, 0.9), (-0.185, 1.5), (-0.15, 2.2),
    (-0.15, 6.0),
]  # fmt: skip
_FEMUR_LATERAL = [
    (0.17, -6.0), (0.17, -2.7), (0.19, -1.7), (0.24, -1.15), (0.3, -0.88), (0.4, -0.7), (0.515, -0.57), (0.555, -0.44),
    (0.54, -0.32),
]  # fmt: skip
_FEMUR_END = [
    (0.53, -0.2), (0.5, -0.12), (0.4, -0.066), (0.29, -0.052), (0.19, -0.085), (0.11, -0.122), (0.02, -0.152),
    (-0.05, -0.147), (-0.12, -0.112), (-0.2, -0.075), (-0.3, -0.046), (-0.4, -0.056), (-0.49, -0.105), (-0.53, -0.2),
]  # fmt: skip
_FEMUR_MEDIAL = [
    (-0.545, -0.32), (-0.57, -0.44), (-0.555, -0.55), (-0.45, -0.7), (-0.34, -0.9), (-0.25, -1.2), (-0.2, -1.7),
    (-0.18, -2.7), (-0.18, -6.0),
]  # fmt: skip
_FIBULA = [
    (0.44, 6.0), (0.42, 2.2), (0.43, 1.3), (0.46, 0.8), (0.54, 0.62), (0.565, 0.48), (0.53, 0.36), (0.455, 0.27),
    (0.385, 0.34), (0.315, 0.44), (0.29, 0.53), (0.32, 0.66), (0.34, 0.85), (0.32, 1.3), (0.3, 2.2), (0.3, 6.0),
]  # fmt: skip
_ZONE = (0.18, 0.43)  # the part of a compartment, from the midline, that bears weight


@dataclass(frozen=True, slots=True, eq=False)
class Compartment:
    """The two margins that face each other, from the spines outwards, and the space between them in mm."""

    femoral: Points
    tibial: Points
    min_mm: float
    mean_mm: float


@dataclass(frozen=True, slots=True, eq=False)
class Anatomy:
    """Closed outlines in mm."""

    femur: Points
    tibia: Points
    fibula: Points
    patella: Points
    lines: tuple[Points, ...]  # edges seen through the bone: the notch's walls, the scar of the growth plate
    medial: Compartment
    lateral: Compartment
    centre_v: float  # of the joint, which lies a little above the plateau


def build(knee: KneeSpec) -> Anatomy:
    """The outlines of a knee; the same knee gives the same outlines."""
    rng = np.random.default_rng(knee.seed)
    size = knee.plateau_mm
    tibia = _tibia(knee, rng)
    plain = _femur(knee, rng)
    shift = {"medial": 0.0, "lateral": 0.0}
    wanted = {"medial": knee.medial_mm, "lateral": knee.lateral_mm}
    femur, found = plain, {}
    for _ in range(5):  # the least distance is not quite linear in the shift, so approach it
        femur = _shift_condyles(plain, shift["medial"], shift["lateral"])
        found = {name: _compartment(femur * size, tibia * size, name, size) for name in shift}
        for name, space in found.items():
            shift[name] -= (wanted[name] - space.min_mm) / size
    middle = (knee.medial_mm + knee.lateral_mm) / 2
    return Anatomy(
        femur=femur * size,
        tibia=tibia * size,
        fibula=_fibula(knee, rng) * size,
        patella=_patella(knee, rng) * size,
        lines=_lines(size, rng),
        medial=found["medial"],
        lateral=found["lateral"],
        centre_v=-middle / 2 - 0.015 * size,
    )


def spurs(knee: KneeSpec) -> float:
    """Length of the osteophytes as a share of the plateau's width."""
    return float(np.interp(knee.severity, [0, 1, 2, 3, 4], [0.0, 0.008, 0.024, 0.042, 0.065]))


def smooth(points: Points, steps: int = 24) -> Points:
    """A Catmull–Rom curve through the points, open at its ends."""
    padded = np.vstack([2 * points[0] - points[1], points, 2 * points[-1] - points[-2]])
    t = np.linspace(0, 1, steps, endpoint=False)[:, None, None]
    a, b, c, d = (padded[i : len(padded) - 3 + i] for i in range(4))
    curve = 0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3)
    return np.vstack([curve.transpose(1, 0, 2).reshape(-1, 2), points[-1:]])


def _tibia(knee: KneeSpec, rng: np.random.Generator) -> Points:
    top = np.array(_TIBIA_TOP)
    top[:, 1] += rng.normal(0, 0.002 + 0.0008 * knee.severity, len(top))
    top[5:10, 1] *= rng.normal(0.85, 0.15) + 0.12 * knee.severity / 4  # the spines, sharper with wear
    top[[6, 8], 1] *= rng.uniform(0.7, 1.15, 2)
    top[5:10, 0] += rng.normal(0, 0.012)
    spur = spurs(knee) * rng.uniform(0.6, 1.3, 2)
    top[0] += (spur[0], -spur[0] * 0.5)
    top[-1] += (-spur[1], -spur[1] * 0.4)
    outline = np.vstack([_TIBIA_LATERAL, top, _TIBIA_MEDIAL])
    outline[:, 0] += rng.normal(-0.06, 0.02) * np.clip(outline[:, 1] - 0.4, 0, None)  # the shaft runs inwards
    return smooth(outline)


def _femur(knee: KneeSpec, rng: np.random.Generator) -> Points:
    end = np.array(_FEMUR_END)
    end[:, 1] += rng.normal(0, 0.002 + 0.0006 * knee.severity, len(end))
    end[5:9, 1] += rng.normal(0, 0.012) - 0.015  # how deep the notch looks depends on how far the knee is bent
    spur = spurs(knee) * rng.uniform(0.5, 1.2, 2)
    end[1] += (spur[0], spur[0] * 0.3)
    end[-2] += (-spur[1], spur[1] * 0.3)
    outline = np.vstack([_FEMUR_LATERAL, end, _FEMUR_MEDIAL])
    outline[:, 0] *= 1 + rng.normal(0, 0.015)
    outline[:, 0] += rng.normal(0.09, 0.025) * np.clip(-outline[:, 1] - 0.4, 0, None)  # the shaft runs outwards
    return smooth(outline)


def _fibula(knee: KneeSpec, rng: np.random.Generator) -> Points:
    outline = np.array(_FIBULA)
    outline += np.array([0.05 * knee.turn + rng.normal(0, 0.015), rng.normal(0, 0.02)])
    outline[:, 0] += rng.normal(-0.05, 0.015) * np.clip(outline[:, 1] - 0.5, 0, None)
    return smooth(outline)


def _patella(knee: KneeSpec, rng: np.random.Generator) -> Points:
    angle = np.linspace(0, 2 * np.pi, 90, endpoint=False)
    radius = 1 + 0.05 * np.cos(2 * angle + rng.uniform(0, 6)) + 0.03 * np.cos(3 * angle + rng.uniform(0, 6))
    across, along = 0.29 + rng.normal(0, 0.015), 0.27 + rng.normal(0, 0.015)
    middle = (0.05 + 0.1 * knee.turn, -0.55 + rng.normal(0, 0.05))
    return np.stack([middle[0] + across * radius * np.cos(angle), middle[1] + along * radius * np.sin(angle)], axis=1)


def _lines(size: float, rng: np.random.Generator) -> tuple[Points, ...]:
    jitter = rng.normal(0, 0.012, 4)
    walls = [
        [(0.13 + jitter[0], -0.14), (0.15 + jitter[0], -0.22), (0.14 + jitter[0], -0.34)],
        [(-0.13 + jitter[1], -0.13), (-0.15 + jitter[1], -0.22), (-0.13 + jitter[1], -0.36)],
        [(0.48, -0.34 + jitter[2]), (0.25, -0.31 + jitter[2]), (0.0, -0.36), (-0.25, -0.31), (-0.5, -0.36 + jitter[2])],
        [(0.42, 0.2 + jitter[3]), (0.15, 0.23 + jitter[3]), (-0.2, 0.22), (-0.42, 0.17 + jitter[3])],
    ]
    return tuple(smooth(np.array(line)) * size for line in walls)


def _shift_condyles(femur: Points, medial: float, lateral: float) -> Points:
    """Move each condyle along the leg; above the epicondyles nothing moves."""
    towards_lateral = np.clip((femur[:, 0] + 0.1) / 0.2, 0, 1)
    low = np.clip((femur[:, 1] + 0.9) / 0.5, 0, 1)
    moved = femur.copy()
    moved[:, 1] += low * (medial * (1 - towards_lateral) + lateral * towards_lateral)
    return moved


def _compartment(femur: Points, tibia: Points, name: str, size: float) -> Compartment:
    sign = 1.0 if name == "lateral" else -1.0
    inner, outer = _ZONE
    places = sign * np.linspace(inner, outer, 160) * size
    low, high = (_margin(bone, places, size) for bone in (tibia, femur))
    apart = np.linalg.norm(low[:, None] - high[None], axis=2)
    crossing = bool(np.any(low[:, 1] < high[:, 1]))
    least = float(np.min(low[:, 1] - high[:, 1])) if crossing else float(apart.min())
    return Compartment(femoral=high, tibial=low, min_mm=least, mean_mm=float(np.mean(low[:, 1] - high[:, 1])))


def _margin(bone: Points, places: NDArray[np.float64], size: float) -> Points:
    """The bone's joint-facing margin at the given u."""
    near = bone[(np.abs(bone[:, 1]) < 0.16 * size) & (np.abs(bone[:, 0]) < 0.47 * size)]
    near = near[np.argsort(near[:, 0])]
    return np.stack([places, np.interp(places, near[:, 0], near[:, 1])], axis=1)
