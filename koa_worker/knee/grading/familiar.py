"""Whether a crop looks to the net like the knees that it was trained on, and if not, what it rather looks like.

The last feature map is there anyway. Its 1280 channel means go through one linear layer with an output for knees and
one for each kind of picture that is none. The layer belongs to the release: it is fitted when the release is made
(`training/gate.py`), and its file stands in the manifest with its hash.

A distance to the training knees in the same space was tried and tells little: a net that was trained on knees alone
answers everything else with weak, average features, which lie nearer to the middle than many a knee.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from koa_worker.knee.grading.explain import FeatureMaps, Singles


class Kind(StrEnum):
    """What a picture may look like, in the order of the layer's outputs."""

    KNEE = "knee"
    IMPLANT = "implant"
    VIEW = "view"  # a knee from another direction
    QUARTER = "quarter"  # turned anticlockwise by so much, as `numpy.rot90` does
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
    """What the net made of a crop."""

    strangeness: float  # log odds against a knee
    kind: Kind  # the likeliest of those that are no knee
    without_metal: float = -np.inf  # log odds against a knee of whatever is no implant either
    other: Kind = Kind.OTHER  # the likeliest of those


@dataclass(frozen=True, slots=True, eq=False)
class Familiar:
    """One member's layer after the other, and the strangeness of held-out training knees at three levels."""

    weights: Singles  # member × channel × kind
    bias: Singles  # member × kind
    sure: float  # most training knees look more familiar than this
    doubtful: float  # one in fifty looks stranger
    strange: float  # hardly any does

    @property
    def fair(self) -> float:
        """Halfway: a knee that looks stranger is worth a second look, one that does not is beyond suspicion."""
        return (self.sure + self.doubtful) / 2

    @classmethod
    def from_npz(cls, content: bytes) -> Familiar:
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            if tuple(arrays["kinds"]) != KINDS:
                raise ValueError("the gate's file knows other kinds of pictures")
            sure, doubtful, strange = (float(level) for level in arrays["levels"])
            weights, bias = (arrays[name].astype(np.float32) for name in ("weights", "bias"))
        return cls(weights, bias, sure, doubtful, strange)

    def as_npz(self) -> bytes:
        """The same bytes each time: the archive carries no date."""
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
        """The impression of all members' views together; they come member by member."""
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
    """The channels' means; their roots, since the means are all positive and a few of them large."""
    return np.asarray(np.sqrt(np.maximum(features.mean(axis=(0, 1)), 0)), np.float32)


def strangeness(odds: NDArray[np.float64]) -> float:
    """How much likelier anything else is than a knee, as a logarithm."""
    return float(np.logaddexp.reduce(odds[1:]) - odds[0])
