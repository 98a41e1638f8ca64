"""`python -m bench.metal DATA`: fits the evidence of metal, and measures it on images that were kept apart.

The four weights of `koa_worker/knee/grading/metal.py` are fitted to metal drawn over raw training crops, and to the
same crops without it as many consoles show them; the knees of every other frame of two other hospitals are among those
without. What is printed below the weights comes from validation crops, from the frames in between, and from real
implants, none of which the weights were fitted to. The two limits were set with the choosing half in view.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from koa_worker.errors import InputRejected
from koa_worker.knee.finding.roi import find_knees
from koa_worker.knee.grading.metal import BIAS, SIDE, WEIGHTS, Metal, Piece, find_metal, levelled, pieces
from koa_worker.knee.grading.prepare import Picture, crop, equalize, resize
from training.data.crops import radiograph_of
from training.releasing import consoles
from training.releasing.nonknees.implants import over

FITTED = 350  # training crops
COVERED = 0.5  # share of the union of piece and metal, from which on the piece is that metal
WITHIN = 0.85  # of a piece lies within the metal: a part of it
LEAST_PART = 0.012  # of the crop
REPEATED = 2  # the weight of a real knee of another hospital

Rows = NDArray[np.float64]


def main() -> None:
    asked = argparse.ArgumentParser(prog="python -m bench.metal", description=__doc__)
    asked.add_argument("data", type=Path, help="folder of the data for development")
    data = asked.parse_args().data
    cv2.setNumThreads(1)
    weights, bias = fit(data)
    print("fitted weights", np.round(weights, 2), "bias", round(bias, 2), "in use", WEIGHTS, BIAS)
    raw = [_gray(path) for path in sorted((data / "oai-raw-224/val").glob("*/*.png"))]
    chance = np.random.default_rng(1)
    show("native, validation", [find_metal(one) for one in raw])
    show("native, other consoles", [find_metal(consoles.exposed(one, chance)) for one in raw])
    show("native, equalised", [find_metal(equalize(one), equalized=True) for one in raw])
    show("metal drawn", [find_metal(over(one, chance)[0]) for one in raw])
    show("metal drawn, equalised", [find_metal(equalize(over(one, chance)[0]), equalized=True) for one in raw])
    for name, pattern in (("hospital", "hospital/*/*"), ("plates-hospital2", "plates-hospital2/*")):
        show(f"native, {name}, judging", [find_metal(one) for one in knees(sorted(data.glob(pattern))[1::2])])
    show("real implants", [find_metal(one) for one in knees(sorted(data.glob("ood/prosthesis/*")))])


def show(name: str, found: Sequence[Metal]) -> None:
    evidence = [metal.evidence for metal in found]
    low, middle, high = np.percentile(np.maximum(evidence, -99), [5, 50, 95])
    clear, suspected = (sum(getattr(metal, name) for metal in found) for name in ("clear", "suspected"))
    print(
        f"{name:36} {len(found):4}: clear {clear:4}, at least suspected {suspected:4};"
        f" evidence {low:.1f}, {middle:.1f}, {high:.1f} (5, 50, 95 %), most {max(evidence):.1f}"
    )


def fit(data: Path) -> tuple[Rows, float]:
    """Logistic regression on the pieces of choosing images."""
    bone: list[Piece] = []
    metal: list[Piece] = []
    paths = sorted((data / "oai-raw-224/train").glob("*/*.png"))
    for number, path in enumerate(paths[:: len(paths) // FITTED]):
        chance, raw = np.random.default_rng([number, 6]), _gray(path)
        for native in (raw, consoles.exposed(raw, chance), consoles.exposed(raw, chance)):
            bone += pieces(levelled(native))
        for _ in range(2):
            picture, mask = over(raw, chance)
            metal += [piece for piece in pieces(levelled(picture)) if _is_metal(piece, mask)]
    for pattern in ("hospital/*/*", "plates-hospital2/*"):
        for one in knees(sorted(data.glob(pattern))[::2]):
            bone += pieces(levelled(one)) * REPEATED
    rows = np.array([piece.measures for piece in (*bone, *metal)])
    mean, spread = rows.mean(axis=0), rows.std(axis=0)
    truth = np.repeat([0, 1], [len(bone), len(metal)])
    model = LogisticRegression(C=1.0).fit((rows - mean) / spread, truth)
    weights = model.coef_[0] / spread
    return weights, float(model.intercept_[0] - mean @ weights)


def _is_metal(piece: Piece, mask: NDArray[np.bool_]) -> bool:
    there = cv2.resize(mask.astype(np.uint8), (SIDE, SIDE), interpolation=cv2.INTER_NEAREST) > 0
    height, width = piece.mask.shape
    part = there[piece.top : piece.top + height, piece.left : piece.left + width]
    common, own = np.count_nonzero(part & piece.mask), np.count_nonzero(piece.mask)
    if common > COVERED * (own + np.count_nonzero(there) - common):
        return True
    return common > WITHIN * own and own > LEAST_PART * SIDE**2


def knees(paths: Sequence[Path]) -> Iterator[Picture]:
    """The crop of each knee that is found in these frames."""
    for path in paths:
        radiograph = radiograph_of(path)
        try:
            rois = find_knees(radiograph)
        except InputRejected:
            continue
        for roi in rois:
            yield resize(crop(radiograph.pixels, roi.box))


def _gray(path: Path) -> Picture:
    return np.asarray(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE), np.uint8)


if __name__ == "__main__":
    main()
