"""Finds the legs at the height of a joint: the columns of the frame that each leg takes, by density alone."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from koa_worker.knee.finding.density import Densities, Halves, runs
from koa_worker.knee.finding.joint import COARSE, Joint, scored
from koa_worker.values import Box, GrayImage

BAND = 0.8  # plateaus above and below the joint line: the other knee stands about as high
TISSUE = 0.5  # of a column in this band, for a leg to be there
NARROWEST = 0.8  # plateaus: less is a sliver of the other leg
NEAREST = 0.7  # plateaus from the middle of a joint: what is nearer is its own leg
VALLEY = 0.8  # of the lower of two legs' densities: the place where they touch is darker than this
PEAK = 0.6  # of the found knee's density: a leg has bone in it, nearly as dense
FROM_EDGE = 0.25  # plateaus: if the densest column is nearer to the frame's edge, it is a border and not bone
AS_DENSE = 0.95  # of the highest density: a leg has flesh around its bone, a border stays dense up to the frame's edge
NEXT = 1.15  # plateaus from the middle of one knee to that of the other, at least
RATIOS = (0.84, 0.92, 1.0, 1.09, 1.19)  # of the other knee's size
UNLIKE_SIZE = 12.0  # score that a joint loses for another size than the other knee's, in squared logarithms …
UNLIKE_HEIGHT = 4.0  # … and for standing higher or lower, in squared plateaus


@dataclass(frozen=True, slots=True)
class Leg:
    """The columns from `left` up to `right`, in working pixels."""

    left: int
    right: int

    def holds(self, column: float) -> bool:
        return self.left <= column < self.right

    def in_frame(self, pixels: GrayImage, scale: float) -> Box:
        """The leg from the frame's upper to its lower edge, in pixels of the frame."""
        height, width = pixels.shape
        left, right = max(0, round(self.left / scale)), min(width, round(self.right / scale))
        return Box(left, 0, right - left, height)


def rest_of_frame(pixels: GrayImage, box: Box) -> Box:
    """The larger part of the frame to the left or right of this box, where the other leg would be."""
    height, width = pixels.shape
    left, right = max(1, box.x), max(1, width - box.x - box.width)
    return Box(0, 0, left, height) if left > right else Box(width - right, 0, right, height)


def beside(densities: Densities, joint: Joint) -> Leg | None:
    """The leg to the left or right of the one with this joint; None if the frame shows no other leg."""
    profile, tissue = _profiles(densities, joint)
    found = [leg for leg in _apart(profile, tissue, joint) if _is_leg(leg, profile, joint)]
    return max(found, key=lambda leg: leg.right - leg.left, default=None)


def _profiles(densities: Densities, joint: Joint) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """The smoothed density of each column around the joint's height, and whether it is tissue."""
    top = max(0, round(joint.y - BAND * joint.plateau))
    band = slice(top, max(top + 1, round(joint.y + BAND * joint.plateau)))
    mean = np.minimum(densities.image[band], 1).mean(axis=0, dtype=np.float32)[None]
    width = round(0.15 * joint.plateau) | 1
    profile = np.asarray(cv2.blur(mean, (width, 1)), dtype=np.float32)[0]
    return profile, np.asarray(densities.tissue[band].mean(axis=0) >= TISSUE)


def _apart(profile: NDArray[np.float32], tissue: NDArray[np.bool_], joint: Joint) -> list[Leg]:
    """Unbroken columns of tissue that begin where the joint's own leg ends."""
    changes = np.flatnonzero(np.diff(np.concatenate([[False], tissue, [False]]).astype(np.int8)))
    found: list[Leg] = []
    for left, right in zip(changes[::2], changes[1::2], strict=True):
        leg = Leg(int(left), int(right))
        found += _split(leg, profile, joint) if leg.holds(joint.x) else [leg]
    return found


def _split(leg: Leg, profile: NDArray[np.float32], joint: Joint) -> list[Leg]:
    """The parts on both sides of the joint's own leg if it touches another one: a dark column separates them."""
    parts = []
    own, reach = float(profile[round(joint.x)]), round(NEAREST * joint.plateau)
    for left, right, mirrored in ((round(joint.x) + reach, leg.right, False), (leg.left, round(joint.x) - reach, True)):
        if right - left < NARROWEST * joint.plateau:
            continue
        outwards = profile[left:right][::-1] if mirrored else profile[left:right]
        darkest = int(outwards[: len(outwards) - round(0.5 * joint.plateau)].argmin())
        if outwards[darkest] < VALLEY * min(own, float(outwards[darkest:].max())):
            parts.append(Leg(left, right - darkest) if mirrored else Leg(left + darkest, right))
    return parts


def _is_leg(leg: Leg, profile: NDArray[np.float32], joint: Joint) -> bool:
    """Whether columns are a leg: wide enough, far enough from the joint, with bone that is not at the frame's edge."""
    if leg.right - leg.left < NARROWEST * joint.plateau:
        return False
    densest = leg.left + int(profile[leg.left : leg.right].argmax())
    edge = FROM_EDGE * joint.plateau
    ends = [profile[end] for end in (0, len(profile) - 1) if leg.holds(end)]
    if ends and max(ends) >= AS_DENSE * profile[densest]:
        return False
    return bool(
        abs(densest - joint.x) > NEAREST * joint.plateau
        and edge < densest < len(profile) - edge
        and profile[densest] > PEAK * profile[round(joint.x)]
    )


def best_joint(densities: Densities, leg: Leg, other: Joint) -> Joint | None:
    """The joint of this leg with the best evidence; another size or height than the other leg's joint costs score.

    Both knees of a patient are alike in size and height, which helps where the joint space has disappeared. The score
    of the result is the evidence alone.
    """
    halves, tissue = Halves(densities.image), runs(densities.tissue)
    best, most = None, -np.inf
    for ratio in RATIOS:
        plateau = other.plateau * ratio
        score = scored(halves, tissue, plateau, COARSE)
        evident = score.copy()
        rows, columns = (
            (np.arange(length) * COARSE.stride + 0.5) * plateau / COARSE.unit - 0.5 for length in score.shape
        )
        score -= np.float32(UNLIKE_SIZE * np.log(ratio) ** 2)
        score -= (UNLIKE_HEIGHT * ((rows - other.y) / other.plateau) ** 2).astype(np.float32)[:, None]
        score[:, (columns < leg.left) | (columns >= leg.right)] = -np.inf
        score[:, np.abs(columns - other.x) < NEXT * other.plateau] = -np.inf
        row, column = np.unravel_index(int(score.argmax()), score.shape)
        if score[row, column] > most:
            most = float(score[row, column])
            best = Joint(float(columns[column]), float(rows[row]), plateau, float(evident[row, column]))
    return best
