"""Computes the heatmap: Grad-CAM in closed form, from the last feature map and the weights of the head.

After the feature map A (7×7×1280) the model is GAP → Dense(ReLU) → Dense. The gradient of the logit of grade k with
respect to A is then the same at each of the 49 positions, and needs no second pass and no gradient tape:

    z = W1ᵀ·mean(A) + b1        g = W1·(1[z > 0] ⊙ W2[:, k]) / 49        cam = relu(Σ_c g_c·A_c)
"""

from __future__ import annotations

import functools
import io
import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from koa_worker.knee.grading.views import WHOLE, Part
from koa_worker.values import Heatmap

Singles = NDArray[np.float32]

COLORS = cv2.COLORMAP_INFERNO  # lightness grows evenly with heat, also for the colour-blind
COLDEST, HOTTEST = 70, 200  # of its 256 colours: black would not show on air, nor pale yellow on bright bone
CLEAR_BELOW, FULL_ABOVE = 0.15, 0.85  # heat at which the colour begins to show, and shows with full opacity
# Red, green and blue of all 256 colours: OpenCV would compute them again for each image.
_PALETTE = cv2.applyColorMap(np.arange(256, dtype=np.uint8)[:, None], COLORS).reshape(256, 3).T[::-1].copy()


@dataclass(frozen=True, slots=True, eq=False)
class Head:
    """The layers after the feature map: GAP → w1, b1, ReLU → w2, b2."""

    w1: Singles
    b1: Singles
    w2: Singles
    b2: Singles

    @classmethod
    def from_npz(cls, content: bytes) -> Head:
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            return cls(*(arrays[name].astype(np.float32) for name in ("w1", "b1", "w2", "b2")))

    def activate(self, features: Singles) -> Singles:
        """The hidden layer before its ReLU."""
        mean: Singles = features.mean(axis=(0, 1))
        return mean @ self.w1 + self.b1

    def logits(self, features: Singles) -> Singles:
        return np.maximum(self.activate(features), 0) @ self.w2 + self.b2


@dataclass(frozen=True, slots=True, eq=False)
class FeatureMap:
    """The feature map of one member in one view."""

    features: Singles  # rows × columns × 1280
    head: Head
    mirrored: bool
    part: Part = WHOLE  # of the crop, which the map covers
    turned: float = 0.0  # degrees by which the view turned the crop anticlockwise about its middle


FeatureMaps = tuple[FeatureMap, ...]


def heatmap(maps: FeatureMaps, kl: int) -> Heatmap:
    """The mean heatmap of the members for grade `kl`, in 0…1; each view has the same weight, whatever its scale.

    It has the finest grid of all views: 7×7 over the crop, or more if a view is enlarged.
    """
    rows = max(round(one.features.shape[0] / (one.part.bottom - one.part.top)) for one in maps)
    columns = max(round(one.features.shape[1] / (one.part.right - one.part.left)) for one in maps)
    votes = np.stack([_placed(_scaled(activation(one, kl)), one, (rows, columns)) for one in maps])
    return Heatmap(_scaled(votes.mean(axis=0, dtype=np.float32)), kl)


def _placed(values: Singles, one: FeatureMap, grid: tuple[int, int]) -> Singles:
    """The map of a view, mirrored back, placed on the crop and turned back; zero where the view did not look."""
    upright = values[:, ::-1] if one.mirrored else values
    down = _spread(upright.shape[0], one.part.top, one.part.bottom, grid[0])
    across = _spread(upright.shape[1], one.part.left, one.part.right, grid[1])
    placed = np.asarray(down @ upright @ across.T, np.float32)
    return _turned(placed, -one.turned) if one.turned else placed


def _turned(values: Singles, degrees: float) -> Singles:
    """The map turned anticlockwise about the crop's middle, where its cells need not be square."""
    rows, columns = values.shape
    angle = math.radians(degrees)
    stretch = columns / rows  # rows of cells are this many times as high as columns are wide
    # From a cell of the result to the cell of `values` that is shown there.
    source = np.array([[math.cos(angle), -math.sin(angle) * stretch], [math.sin(angle) / stretch, math.cos(angle)]])
    middle = np.array([(columns - 1) / 2, (rows - 1) / 2])
    way = np.column_stack([source, middle - source @ middle])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(values, way, (columns, rows), flags=flags, borderMode=cv2.BORDER_CONSTANT))


@functools.lru_cache(maxsize=64)
def _spread(cells: int, start: float, stop: float, count: int) -> Singles:
    """Linear interpolation of `cells` between `start` and `stop` at the middles of `count` cells between 0 and 1."""
    middles = ((np.arange(count) + 0.5) / count - start) / (stop - start)
    place = np.clip(middles * cells - 0.5, 0, cells - 1)
    weights = np.maximum(1 - np.abs(place[:, None] - np.arange(cells)), 0)
    return np.where((middles >= 0) & (middles <= 1), weights.T, 0).T.astype(np.float32)


def activation(one: FeatureMap, kl: int) -> Singles:
    """The class activation map of one view, in the orientation of the view, not scaled."""
    alive = one.head.activate(one.features) > 0
    gradient = one.head.w1 @ (alive * one.head.w2[:, kl]) / one.features[..., 0].size
    return np.maximum(one.features @ gradient, 0)


def overlay(crop: NDArray[np.uint8], heat: Heatmap, opacity: float = 0.4) -> NDArray[np.uint8]:
    """The gray crop with the heatmap over it in colour (RGB); cold parts show the unchanged bone."""
    height, width = crop.shape
    warmth = np.clip(cv2.resize(heat.values, (width, height), interpolation=cv2.INTER_CUBIC), 0, 1)
    steps = (COLDEST + warmth * (HOTTEST - COLDEST)).astype(np.uint8)
    cover = opacity * np.clip((warmth - CLEAR_BELOW) / (FULL_ABOVE - CLEAR_BELOW), 0, 1)
    bone = crop * (1 - cover)
    # One plane at a time: with pixels of three numbers each, NumPy takes twice as long.
    planes = [(bone + cv2.LUT(steps, color) * cover + 0.5).astype(np.uint8) for color in _PALETTE]
    return np.asarray(cv2.merge(planes), np.uint8)


def _scaled(values: Singles) -> Singles:
    """Scales a map to 0…1; a map of zeros stays zero."""
    peak = values.max()
    return values / peak if peak > 0 else values
