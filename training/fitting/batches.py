"""The images of an epoch for Keras: sampled, augmented and scaled, with their targets.

All random numbers depend only on seed, epoch and batch, so that an epoch is the same after a restart and with any
number of loading threads.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from koa_worker.values import GRADES

from .augment import Augmentation, augment, augment_raw

Picture = NDArray[np.uint8]
Floats = NDArray[np.float32]


def scale(pictures: Picture) -> Floats:
    """[n, h, w] of 0…255 to [n, h, w, 3] of -1…1, the network's input."""
    gray = pictures.astype(np.float32) / np.float32(127.5) - np.float32(1)
    return np.repeat(gray[..., np.newaxis], 3, axis=-1)


def soft_labels(grades: NDArray[np.int64], sigma: float) -> Floats:
    """Each grade as a narrow bell curve: readers differ by one grade far more often than by two."""
    if sigma <= 0:
        return np.eye(len(GRADES), dtype=np.float32)[grades]
    distance = np.arange(len(GRADES)) - grades[:, np.newaxis]
    bell = np.exp(-0.5 * np.square(distance / sigma))
    return np.asarray(bell / bell.sum(axis=1, keepdims=True), dtype=np.float32)


def sample(grades: NDArray[np.int64], balance: float, chance: np.random.Generator) -> NDArray[np.int64]:
    """The order of an epoch: 0 takes each image once, 1 each grade equally often; values between are possible.

    The sampling is systematic: an image with a weight of 1.7 is taken once or twice, never zero times.
    """
    counts = np.bincount(grades, minlength=len(GRADES))
    weights = 1.0 / counts[grades] ** balance
    due = weights * len(grades) / weights.sum()
    times = np.floor(due).astype(int)
    rest = due - times
    missing = len(grades) - int(times.sum())
    if missing > 0:
        # Gumbel's trick draws `missing` different ones in proportion to what each still lacks.
        score = np.log(rest + 1e-12) + chance.gumbel(size=len(grades))
        times[np.argsort(score)[-missing:]] += 1
    return np.asarray(chance.permutation(np.repeat(np.arange(len(grades)), times)), dtype=np.int64)


class Batches(keras.utils.PyDataset):  # type: ignore[misc]
    """One epoch of training batches."""

    def __init__(
        self,
        pictures: Picture,
        grades: NDArray[np.int64],
        targets: Floats,
        *,
        epoch: int,
        seed: int,
        size: int,
        window: tuple[int, int] | None = None,
        batch: int,
        how: Augmentation,
        balance: float,
        mix: float = 0.0,
        mix_within: int = len(GRADES) - 1,
        raw: NDArray[np.bool_] | None = None,  # flags of the images that are still to be equalised; None: none
        workers: int = 1,
    ) -> None:
        super().__init__(workers=workers, max_queue_size=8)
        self._pictures, self._targets = pictures, targets
        self._raw = np.zeros(len(pictures), np.bool_) if raw is None else raw
        self._place = (seed, epoch)
        self._size, self._window, self._batch, self._how = size, window, batch, how
        self._grades, self._mix, self._mix_within = grades, mix, mix_within
        self._order = sample(grades, balance, np.random.default_rng((*self._place, 0)))

    def __len__(self) -> int:
        # A last batch of one image would have no variance to normalize by.
        return max(1, len(self._order) // self._batch)

    def __getitem__(self, index: int) -> tuple[Floats, Any]:
        chance = np.random.default_rng((*self._place, 1, index))
        chosen = self._order[index * self._batch : (index + 1) * self._batch]
        changed = np.stack([self._augmented(i, chance) for i in chosen])
        shown, targets = scale(middle(changed, self._window)), self._targets[chosen]
        if self._mix <= 0:
            return shown, targets
        return mixed(shown, targets, self._grades[chosen], chance, mix=self._mix, within=self._mix_within)

    def _augmented(self, number: int, chance: np.random.Generator) -> Picture:
        changing = augment_raw if self._raw[number] else augment
        return changing(self._pictures[number], chance, self._how, self._size)


def mixed(
    shown: Floats, targets: Floats, grades: NDArray[np.int64], chance: np.random.Generator, *, mix: float, within: int
) -> tuple[Floats, Floats]:
    """Each image mixed with another of its batch, and their targets in the same share (mixup).

    All are knees centred on the joint, so that the sum of two is a plausible image, which the network cannot memorise.
    """
    shares = chance.beta(mix, mix, len(shown)).astype(np.float32)
    others = _partners(grades, within, chance)

    def blend(values: Floats) -> Floats:
        share = shares.reshape(-1, *[1] * (values.ndim - 1))
        return np.asarray(share * values + (1 - share) * values[others], np.float32)

    return blend(shown), blend(targets)


def _partners(grades: NDArray[np.int64], within: int, chance: np.random.Generator) -> NDArray[np.int64]:
    """Chooses for each image one whose grade differs by at most `within`; sometimes it is the image itself."""
    if within >= len(GRADES) - 1:
        return np.asarray(chance.permutation(len(grades)), np.int64)
    near = np.abs(grades[:, np.newaxis] - grades) <= within
    return np.asarray(np.argmax(np.where(near, chance.random(near.shape), -1), axis=1), np.int64)


def middle(pictures: Picture, window: tuple[int, int] | None) -> Picture:
    """The rows and columns in the middle of each image; the whole image without a window."""
    if window is None:
        return pictures
    top, left = ((extent - wanted) // 2 for extent, wanted in zip(pictures.shape[1:], window, strict=True))
    return pictures[:, top : top + window[0], left : left + window[1]]


def predict(model: keras.Model, pictures: Picture, *, mirrored: bool = False, batch: int = 32) -> NDArray[np.float64]:
    """Probabilities [n, 5]; `mirrored` averages them with those of the mirror images."""
    views = [pictures, pictures[:, :, ::-1]] if mirrored else [pictures]
    parts = [
        np.concatenate([model.predict_on_batch(scale(view[i : i + batch])) for i in range(0, len(view), batch)]).astype(
            np.float64
        )
        for view in views
    ]
    return np.asarray(np.mean([_softmax(logits) for logits in parts], axis=0))


def _softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))
