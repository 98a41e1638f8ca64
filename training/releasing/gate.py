"""Fits the gate of a release, which recognises images that are not knees: one linear layer on each member's channels.

It is fitted to training crops, unchanged and as stranger radiographs would show them, and to images made from them that
are not knees (`nonknees/`). A quarter of the subjects is held out; the strangeness of their knees sets the thresholds.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from koa_worker.errors import InputRejected
from koa_worker.knee.grading.explain import Singles
from koa_worker.knee.grading.familiar import KINDS, Familiar, Kind, channels, strangeness
from koa_worker.knee.grading.grade import Grader
from koa_worker.knee.grading.prepare import Picture, prepare
from koa_worker.knee.grading.release import MANIFEST
from koa_worker.values import GRADES

from ..data.crops import Crop, radiograph_of
from . import consoles, nonknees, oddknees

FILE = "gate.npz"
VIEWS = ("plain", "mirrored")  # by which the gate of a release of one look judges a knee that is not familiar in it
MOST = 1800  # number of crops: more take time and change little
RIDGE = 100.0  # weight decay, in units of examples
STEPS = 250
HELD_OUT = 4  # every fourth subject
AS_IT_IS = 0.3  # share of the crops whose non-knees are made from the unchanged crop
SURE, DOUBTFUL, STRANGE = 0.75, 0.98, 0.997  # shares of held-out knees with a lower strangeness

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, eq=False)
class Examples:
    """The examples: the channels of each member, the kind, and the subject of the crop."""

    channels: Singles  # member × example × channel
    kinds: NDArray[np.int64]
    held_out: NDArray[np.bool_]


def fit_gate(folder: Path, crops: Sequence[Crop], others: Sequence[Picture], say: Say) -> Familiar:
    """Fits the gate of the release in `folder`; `others` are further images that are no knees."""
    examples = show(Grader.load(folder), choose(crops), others)
    fitted = [_fit_member(seen, examples) for seen in examples.channels]
    weights = np.stack([w for w, _ in fitted])
    bias = np.stack([b for _, b in fitted])
    odds = np.einsum("mnc,mck->nk", examples.channels, weights) / len(weights) + bias.mean(axis=0)
    strange = np.array([strangeness(row) for row in odds])
    knees = examples.held_out & (examples.kinds == 0)
    sure, doubtful, limit = (float(np.quantile(strange[knees], share)) for share in (SURE, DOUBTFUL, STRANGE))
    for place, kind in enumerate(KINDS):
        those = examples.held_out & (examples.kinds == place)
        if those.any():
            say(f"gate: {(strange[those] > limit).mean():.1%} of {those.sum()} held-out, kind {kind}, turned away")
    return Familiar(weights, bias, sure, doubtful, limit)


def write_gate(folder: Path, familiar: Familiar, views: Sequence[str]) -> dict[str, Any]:
    """Writes the gate's file; gives its entry in the manifest of a release with these views."""
    content = familiar.as_npz()
    (folder / FILE).write_bytes(content)
    entry = {"file": FILE, "sha256": hashlib.sha256(content).hexdigest()}
    return entry | {"views": list(VIEWS)} if len(views) == 1 else entry


def renew_gate(folder: Path, familiar: Familiar) -> None:
    """Into a finished release; what a knee costs was measured with the former gate, and is removed."""
    path = folder / MANIFEST
    manifest = json.loads(path.read_text(encoding="utf-8"))
    manifest["gate"] = write_gate(folder, familiar, manifest["views"])
    manifest["metrics"].pop("cost", None)
    path.write_text(json.dumps(manifest, indent=1, allow_nan=False) + "\n", encoding="utf-8")


def choose(crops: Sequence[Crop]) -> list[Crop]:
    """At most `MOST` crops, about as many of each grade, evenly over the list."""
    chosen: list[Crop] = []
    for kl in GRADES:
        of_grade = [crop for crop in crops if crop.kl == kl]
        chosen += of_grade[:: max(1, -(-len(of_grade) * len(GRADES) // MOST))]
    return chosen


def show(grader: Grader, crops: Sequence[Crop], others: Sequence[Picture]) -> Examples:
    """Everything that the layer is fitted to, as the members answer it; the same crops give the same examples."""
    seen: list[NDArray[np.float32]] = []
    kinds: list[int] = []
    held_out: list[bool] = []
    chance = np.random.default_rng(0)
    for crop in crops:
        held = int(hashlib.sha256(crop.subject.encode()).hexdigest(), 16) % HELD_OUT == 0
        for kind, picture in _made_of(crop, chance):
            seen.append(np.stack([channels(one) for one in grader.features(picture)]))
            kinds.append(KINDS.index(kind))
            held_out.append(held)
    for picture in others:
        seen.append(np.stack([channels(one) for one in grader.features(picture)]))
        kinds.append(KINDS.index(Kind.OTHER))
        held_out.append(False)
    return Examples(np.stack(seen, axis=1), np.array(kinds), np.array(held_out))


def _made_of(crop: Crop, chance: np.random.Generator) -> Iterator[tuple[Kind, Picture]]:
    """Three knees and two or three images that are not knees, from one crop."""
    yield Kind.KNEE, crop.picture if chance.random() < 0.5 else cv2.flip(crop.picture, 1).astype(np.uint8)
    yield Kind.KNEE, _shown(crop, chance)
    yield Kind.KNEE, oddknees.make(_shown(crop, chance), chance)
    for _ in range(2):
        yield nonknees.make(_shown(crop, chance), chance)
    if chance.random() < 0.5:
        yield nonknees.turn(oddknees.make(_shown(crop, chance), chance), chance)


def _shown(crop: Crop, chance: np.random.Generator) -> Picture:
    """The crop as another console might show it, so that the gate does not depend on the images of one study."""
    return crop.picture if crop.raw is None or chance.random() < AS_IT_IS else consoles.shown(crop.raw, chance)


def _fit_member(seen: Singles, examples: Examples) -> tuple[Singles, Singles]:
    """Multinomial logistic regression on standardised channels; the result is for the original channels."""
    used = ~examples.held_out
    mean, spread = seen[used].mean(axis=0), seen[used].std(axis=0) + 0.05
    kinds = examples.kinds[used]
    weights, bias = regress((seen[used] - mean) / spread, np.eye(len(KINDS), dtype=np.float32)[kinds])
    scaled = weights / spread[:, None]
    return scaled.astype(np.float32), (bias - mean @ scaled).astype(np.float32)


def regress(inputs: Singles, targets: Singles) -> tuple[Singles, Singles]:
    """Softmax regression by accelerated gradient descent with a fixed step: the same numbers on each run."""
    count, width = inputs.shape
    largest = float(np.linalg.eigvalsh(inputs.T @ inputs / count)[-1])
    rate = 1.0 / (0.5 * largest + RIDGE / count)
    weights = np.zeros((width, targets.shape[1]), np.float32)
    bias = np.zeros(targets.shape[1], np.float32)
    ahead, ahead_bias = weights, bias
    for step in range(STEPS):
        odds = inputs @ ahead + ahead_bias
        odds -= odds.max(axis=1, keepdims=True)
        shares = np.exp(odds)
        shares /= shares.sum(axis=1, keepdims=True)
        wrong = (shares - targets) / count
        new = ahead - np.float32(rate) * (inputs.T @ wrong + np.float32(RIDGE / count) * ahead)
        new_bias = ahead_bias - np.float32(rate) * wrong.sum(axis=0)
        momentum = np.float32(step / (step + 3))
        ahead, ahead_bias = new + momentum * (new - weights), new_bias + momentum * (new_bias - bias)
        weights, bias = new, new_bias
    return weights, bias


def read_others(folder: Path) -> list[Picture]:
    """Images of a folder that are not knees, resized to a square."""
    found: list[Picture] = []
    for path in sorted(file for file in folder.rglob("*") if file.is_file()):
        try:
            found.append(prepare(radiograph_of(path).pixels))
        except InputRejected:
            continue
    return found
