"""Decides whether a crop looks like the knees that the model was trained on, and if not, what it looks like.

It uses the last feature map, which is computed anyway. The means of its 1280 channels go through one linear layer with
an output for knees and one for each kind of image that is not a knee. The layer belongs to the release: it is fitted
when the release is made (`training/releasing/gate.py`), and the manifest contains its file and hash.

A distance to the training knees in the same space was tried, with little success: a model that was trained only on
knees answers everything else with weak, average features, which are nearer to the centre than many knees.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from koa_worker.knee.grading.explain import FeatureMaps, Singles


class Kind(StrEnum):
    """The kinds of images, in the order of the layer's outputs."""

    KNEE = "knee"
    IMPLANT = "implant"
    VIEW = "view"  # a knee from another direction
    QUARTER = "quarter"  # turned anticlockwise by this angle, as by `numpy.rot90`
    HALF = "half"
    THREE_QUARTERS = "three quarters"
    BLUR = "blur"
    OTHER = "other"


KINDS = tuple(Kind)
_MIRRORED = [KINDS.index(kind) for kind in KINDS]
_MIRRORED[KINDS.index(Kind.QUARTER)] = KINDS.index(Kind.THREE_QUARTERS)
_MIRRORED[KINDS.index(Kind.THREE_QUARTERS)] = KINDS.index(Kind.QUARTER)


@dataclass(frozen=True, slots=True)
class Impression:
    """The gate's answer for a crop."""

    strangeness: float  # log odds against a knee
    kind: Kind  # the likeliest kind that is no knee
    without_metal: float = -np.inf  # log odds against a knee, of all kinds but implants
    other: Kind = Kind.OTHER  # the likeliest of these kinds


@dataclass(frozen=True, slots=True, eq=False)
class Familiar:
    """The layers of all members, and three quantiles of the strangeness of held-out training knees."""

    weights: Singles  # member × channel × kind
    bias: Singles  # member × kind
    sure: float  # most training knees look more familiar than this
    doubtful: float  # one in fifty looks stranger
    strange: float  # hardly any does

    @property
    def fair(self) -> float:
        """The limit halfway: a knee above it is judged again in turned frames, a knee below it is accepted."""
        return (self.sure + self.doubtful) / 2

    @classmethod
    def from_npz(cls, content: bytes) -> Familiar:
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            if tuple(arrays["kinds"]) != KINDS:
                raise ValueError("the gate's file has other kinds of images")
            sure, doubtful, strange = (float(level) for level in arrays["levels"])
            weights, bias = (arrays[name].astype(np.float32) for name in ("weights", "bias"))
        return cls(weights, bias, sure, doubtful, strange)

    def as_npz(self) -> bytes:
        """The file's bytes, which are the same each time, because the archive contains no date."""
        stream = io.BytesIO()
        np.savez_compressed(
            stream,
            weights=self.weights.astype(np.float16),
            bias=self.bias,
            kinds=np.array([str(kind) for kind in KINDS]),
            levels=np.array([self.sure, self.doubtful, self.strange], np.float64),
        )
        return stream.getvalue()

    def look(self, maps: FeatureMaps) -> Impression:
        """The impression of all views of all members together; they are given member by member."""
        views = len(maps) // len(self.weights)
        odds = np.zeros(len(KINDS), np.float64)
        for place, seen in enumerate(maps):
            member = place // views
            answer = channels(seen.features) @ self.weights[member] + self.bias[member]
            odds += answer[_MIRRORED] if seen.mirrored else answer
        odds /= len(maps)
        others = np.where(np.arange(len(KINDS)) == KINDS.index(Kind.IMPLANT), -np.inf, odds)
        kind, other = (KINDS[1 + int(one[1:].argmax())] for one in (odds, others))
        return Impression(strangeness(odds), kind, strangeness(others), other)


def channels(features: Singles) -> Singles:
    """The square roots of the channel means, because the means are all positive and a few of them large."""
    return np.asarray(np.sqrt(np.maximum(features.mean(axis=(0, 1)), 0)), np.float32)


def strangeness(odds: NDArray[np.float64]) -> float:
    """The log odds that the crop is not a knee."""
    return float(np.logaddexp.reduce(odds[1:]) - odds[0])
