"""Tests the heatmaps: hiding hot cells must lower the probability more than hiding other cells.

Ten of 49 cells, a fifth of the crop, are painted over with the crop's mean: once the hottest ten, then several times
ten random ones. The figure is the fall of the given grade's probability.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track

from koa_worker.knee.grading.explain import heatmap
from koa_worker.knee.grading.grade import Grader
from koa_worker.knee.grading.prepare import Picture

from ..data.crops import Crop

CELLS = 7
HIDDEN = 10  # of 49: 20.4 %
DRAWS = 3


@dataclass(frozen=True, slots=True)
class Occlusion:
    """Mean fall of the given grade's probability."""

    knees: int
    hottest: float
    random: float

    @property
    def ratio(self) -> float:
        return self.hottest / self.random

    def as_dict(self) -> dict[str, float]:
        return {name: round(value, 4) for name, value in asdict(self).items()} | {"ratio": round(self.ratio, 3)}

    def __str__(self) -> str:
        return (
            f"{self.knees} knees: hiding the hottest fifth costs {self.hottest:.3f} of the given grade's probability,"
            f" a random fifth {self.random:.3f}: {self.ratio:.2f} times as much."
        )


def hide(picture: Picture, cells: NDArray[np.intp]) -> Picture:
    """The image with those cells of the 7×7 grid painted over with its mean."""
    mask = np.zeros(CELLS * CELLS, dtype=bool)
    mask[cells] = True
    whole = np.kron(mask.reshape(CELLS, CELLS), np.ones([side // CELLS for side in picture.shape])).astype(bool)
    hidden = picture.copy()
    hidden[whole] = round(float(picture.mean()))
    return hidden


def measure_occlusion(grader: Grader, crops: Sequence[Crop], *, seed: int = 0, quiet: bool = True) -> Occlusion:
    rng = np.random.default_rng(seed)
    falls: list[tuple[float, float]] = []
    for crop in track(crops, "hiding", console=Console(stderr=True), disable=quiet):
        grade, maps = grader.grade(crop.picture)
        heat = heatmap(maps, grade.kl).values
        warmth = cv2.resize(heat, (CELLS, CELLS), interpolation=cv2.INTER_AREA).ravel()
        places = [np.argsort(-warmth)[:HIDDEN], *(rng.choice(CELLS**2, HIDDEN, replace=False) for _ in range(DRAWS))]
        left = [grader.grade(hide(crop.picture, place))[0].probabilities[grade.kl] for place in places]
        falls.append((grade.confidence - left[0], grade.confidence - float(np.mean(left[1:]))))
    hottest, random = np.mean(falls, axis=0)
    return Occlusion(len(crops), float(hottest), float(random))
