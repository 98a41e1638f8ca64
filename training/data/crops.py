"""Labelled knee crops, read and prepared by the worker's own code."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from koa_worker.config import Limits
from koa_worker.knee.grading.prepare import Picture, crop, prepared, resize
from koa_worker.knee.grading.views import View
from koa_worker.knee.joint_space.tilt import tilt
from koa_worker.read import read
from koa_worker.values import Arrival, Radiograph

from .layouts import Item, Preparation, Source, collect

Singles = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Crop:
    """One prepared knee, with its true grade and its subject."""

    path: Path
    kl: int
    subject: str
    picture: Picture
    raw: Picture | None = None  # before equalisation, if the file has such a crop


def read_crops(folder: Path, *, equalized: bool | None = None) -> list[Crop]:
    """Every usable crop below FOLDER/0 … FOLDER/4; with `equalized` None each is tested, as in the worker."""
    items = collect([Source(folder, Preparation.LOOK)]).items
    if not items:
        raise ValueError(f"{folder} holds no graded pictures: sub-folders 0 to 4 are expected")
    return [_crop(item, equalized) for item in items]


def unequalized(items: Iterable[Item]) -> tuple[Picture, NDArray[np.bool_]]:
    """All crops as one array [n, 224, 224], before equalisation if possible, and the flags of those."""
    crops = [_crop(item, item.equalized) for item in items]
    stored = [crop.picture if crop.raw is None else crop.raw for crop in crops]
    return np.stack(stored), np.array([crop.raw is not None for crop in crops])


def levelled(pictures: Picture) -> Picture:
    """Each of these crops [n, 224, 224] as a levelled view of a release shows it."""
    view = View(levelled=True)
    return np.stack([view.show(picture, tilt(picture)) for picture in pictures])


def _crop(item: Item, equalized: bool | None) -> Crop:  # noqa: FBT001
    small = resize(crop(radiograph_of(item.path).pixels))
    picture = prepared(small, equalized=equalized)
    return Crop(item.path, item.grade, item.subject, picture, None if picture is small else small)


def radiograph_of(path: Path) -> Radiograph:
    """The file as the worker reads it."""
    data = path.read_bytes()
    return read(Arrival(path, hashlib.sha256(data).hexdigest(), len(data), path.name), Limits())


def as_input(crops: Sequence[Crop]) -> Singles:
    """The input of the networks: three equal channels in [-1, 1]."""
    gray = np.stack([crop.picture for crop in crops]).astype(np.float32) / 127.5 - 1.0
    return np.repeat(gray[..., None], 3, axis=3)
