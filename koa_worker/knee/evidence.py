"""How much each point of a frame looks like the middle of a knee's joint line, at one size of knee.

The frame is brought to the scale at which a tibial plateau would be `UNIT` pixels wide. Six pieces of evidence are
then read from the density gradients and the densities around every point:

    gap       a dark line between two bright ones, on both sides of the middle: condyles, joint space, plateau
    tibia     bone margins at both ends of the plateau, just below it
    taper     bone margins further in, further down: the tibia narrows
    femur     margins of the condyles, and `shaft` those above them
    block     both blocks of bone are denser than what lies beside them

A knee has all of them. Their logarithms are added, so that one that is missing (a straight edge without a margin, a
leg's outline without a joint space) can't be bought with another that is strong.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from koa_worker.knee.density import Plane

UNIT = 40  # pixels: a joint space of 4 mm is then two of them
FLOOR = 0.08  # what a missing piece of evidence still counts


@dataclass(frozen=True, slots=True)
class Piece:
    """What a piece of evidence weighs, from where on more of it says nothing new, and what unseen ones count."""

    weight: float
    enough: float
    unseen: float


PIECES = {
    "gap": Piece(1.0, 0.40, 0.20),
    "tibia": Piece(0.66, 0.61, 0.25),
    "taper": Piece(0.16, 0.52, 0.20),
    "femur": Piece(0.5, 0.65, 0.25),
    "shaft": Piece(0.12, 0.45, 0.20),
    "block": Piece(0.32, 0.90, 0.40),
}


def gather(image: Plane) -> dict[str, Plane]:
    """Each piece of evidence for every point of a picture whose plateau is `UNIT` wide."""
    down, across = edges(image)
    gap = _gap(down)
    margins = _margins(across)
    return {
        "gap": gap,
        "tibia": _pair(margins, 0.50, 0.10, PIECES["tibia"].unseen),
        "taper": _pair(margins, 0.42, 0.30, PIECES["taper"].unseen),
        "femur": _pair(margins, 0.50, -0.20, PIECES["femur"].unseen),
        "shaft": _pair(margins, 0.50, -0.35, PIECES["shaft"].unseen),
        "block": _block(image, PIECES["block"].unseen),
    }


def weigh(pieces: dict[str, Plane]) -> Plane:
    """All evidence as one number for every point: 0 is a knee out of the book, −1 a poor one, −2 none."""
    total = np.zeros_like(pieces["gap"])
    for name, piece in PIECES.items():
        share = np.clip(pieces[name], 0.0, piece.enough) / np.float32(piece.enough)
        total += np.float32(piece.weight) * np.log(share + np.float32(FLOOR))
    return total


def edges(image: Plane) -> tuple[Plane, Plane]:
    """Density gradients downwards and rightwards as a share of what is usual around them, whatever the exposure."""
    smooth = cv2.GaussianBlur(image, (0, 0), 0.02 * UNIT)
    across = cv2.Sobel(smooth, cv2.CV_32F, 1, 0, ksize=3, scale=1 / 8, borderType=cv2.BORDER_REPLICATE)
    down = cv2.Sobel(smooth, cv2.CV_32F, 0, 1, ksize=3, scale=1 / 8, borderType=cv2.BORDER_REPLICATE)
    strength = cv2.magnitude(across, down)
    capped = np.minimum(strength, np.float32(np.percentile(strength[::2, ::2], 98)))  # markers, beads
    usual = cv2.blur(capped, _odd(1.5, 1.5)) + np.float32(0.3 * float(capped.mean()) + 1e-5)
    share = 1.0 / (strength + usual)
    return down * share, across * share


def _gap(down: Plane) -> Plane:
    """Bright to dark just above and dark to bright just below, in two stretches of each compartment."""
    stretch = cv2.blur(down, _odd(0.16, 0.07))
    reach = round(0.09 * UNIT)
    plateau = _highest(np.maximum(stretch, 0), rows=(0, reach))
    condyle = _highest(np.maximum(-stretch, 0), rows=(-reach, 0))
    both = 0.6 * np.sqrt(np.maximum(plateau * condyle, 0)) + 0.2 * (plateau + condyle)
    tilt = round(0.05 * UNIT)
    both = _highest(both, rows=(-tilt, tilt))
    unseen = PIECES["gap"].unseen
    left = _seen_from(both, -0.38, 0, unseen) + _seen_from(both, -0.23, 0, unseen)
    right = _seen_from(both, 0.38, 0, unseen) + _seen_from(both, 0.23, 0, unseen)
    return 0.15 * (left + right) + 0.2 * np.minimum(left, right)


def _margins(across: Plane) -> tuple[Plane, Plane]:
    """Where density rises rightwards along a vertical stretch (a left margin) and where it falls (a right one)."""
    stretch = cv2.blur(across, _odd(0.07, 0.17))
    slack = round(0.06 * UNIT)
    rising = _highest(np.maximum(stretch, 0), columns=(-slack, slack))
    falling = _highest(np.maximum(-stretch, 0), columns=(-slack, slack))
    return rising, falling


def _pair(margins: tuple[Plane, Plane], aside: float, below: float, unseen: float) -> Plane:
    """A left margin on the left and a right one on the right; the weaker of the two counts most."""
    left = _seen_from(margins[0], -aside, below, unseen)
    right = _seen_from(margins[1], aside, below, unseen)
    return 0.3 * (left + right) + 0.4 * np.minimum(left, right)


def _block(image: Plane, unseen: float) -> Plane:
    """How much denser the bone below and above is than its flanks, in standard deviations of the region."""
    size = _odd(2.0, 1.2)
    mean = cv2.blur(image, size)
    spread = np.sqrt(np.maximum(cv2.blur(image * image, size) - mean * mean, 0)) + np.float32(0.03)
    inner, flank = cv2.blur(image, _odd(0.7, 0.3)), cv2.blur(image, _odd(0.12, 0.3))
    total = np.zeros_like(image)
    for below in (0.22, -0.22):
        middle = _seen_from(inner, 0, below, np.nan)
        sides = [
            np.nan_to_num(np.clip((middle - _seen_from(flank, aside, below, np.nan)) / spread, -0.5, 1.5), nan=unseen)
            for aside in (-0.62, 0.62)
        ]
        total += 0.35 * np.minimum(*sides) + 0.075 * (sides[0] + sides[1])
    return total.astype(np.float32)


def _odd(width: float, height: float) -> tuple[int, int]:
    return int(width * UNIT) | 1, int(height * UNIT) | 1


def _highest(plane: Plane, rows: tuple[int, int] = (0, 0), columns: tuple[int, int] = (0, 0)) -> Plane:
    """For every point the highest value among those at these offsets from it."""
    kernel = np.ones((rows[1] - rows[0] + 1, columns[1] - columns[0] + 1), np.uint8)
    anchor = (-columns[0], -rows[0])
    return cv2.dilate(plane, kernel, anchor=anchor, borderType=cv2.BORDER_CONSTANT, borderValue=0)  # type: ignore[return-value]


def _seen_from(plane: Plane, aside: float, below: float, unseen: float) -> Plane:
    """For every point the value at this distance (in plateaus) from it; `unseen` where that is outside the picture."""
    height, width = plane.shape
    right, down = round(aside * UNIT), round(below * UNIT)
    moved = np.full_like(plane, unseen)
    x0, x1, y0, y1 = max(0, -right), min(width, width - right), max(0, -down), min(height, height - down)
    if x1 > x0 and y1 > y0:
        moved[y0:y1, x0:x1] = plane[y0 + down : y1 + down, x0 + right : x1 + right]
    return moved
