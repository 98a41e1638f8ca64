"""The hanging order of a study's images: as if facing the patient, with the right knee on the left."""

from __future__ import annotations

from collections.abc import Sequence

from koa_worker.store import ImageRecord
from koa_worker.values import Side

_OPPOSITE = {"R": "L", "L": "R"}


def hanging(images: Sequence[ImageRecord]) -> list[ImageRecord]:
    """The images with a right knee only, then those with both, then those with a left one only, then the others."""
    return sorted(images, key=_place)


def edges(image: ImageRecord) -> tuple[str, str]:
    """The patient's sides at the left and the right edge of the image, as letters; empty where they are not known."""
    return image.column_zero_side, _OPPOSITE.get(image.column_zero_side, "")


def _place(image: ImageRecord) -> int:
    seen = [knee.roi.side for knee in image.knees] + [knee.roi.side for knee in image.refused]
    sides = set(seen) - {Side.UNKNOWN}
    if not sides:
        return 3
    return 1 if len(sides) == 2 else 0 if Side.RIGHT in sides else 2
