"""All gray values of an original, also those beyond its window."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pydicom
import pytest

from koa_worker.config import Limits
from koa_worker.read import read
from koa_worker.read.viewing.film import FULL_RANGE, Film, read_film
from koa_worker.synthetic.draw import draw
from koa_worker.synthetic.spec import PlateSpec, random_knee
from koa_worker.synthetic.write import write_dicom
from koa_worker.values import Arrival, Side


def arrival_of(path: Path) -> Arrival:
    return Arrival(path, hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_size, path.name)


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    knee = random_knee(np.random.default_rng(1), Side.RIGHT, severity=1.0)
    write_dicom(tmp_path / "x.dcm", draw(PlateSpec(300, 200, 1.0, (knee,))), bits_stored=12)
    return tmp_path / "x.dcm"


def windowed(path: Path, center: float, width: float, **elements: str) -> Film:
    dataset = pydicom.dcmread(path)
    dataset.WindowCenter, dataset.WindowWidth = center, width
    for name, value in elements.items():
        setattr(dataset, name, value)
    dataset.save_as(path)
    return read_film(arrival_of(path), Limits())


@pytest.mark.parametrize("photometric", ["MONOCHROME2", "MONOCHROME1"])
def test_in_its_window_a_film_looks_as_it_was_graded(plain: Path, photometric: str) -> None:
    film = windowed(
        plain, 1500, 900, PhotometricInterpretation=photometric, PresentationLUTShape="IDENTITY"
        if photometric == "MONOCHROME2" else "INVERSE",
    )  # fmt: skip
    black, white = film.window
    assert 0 < black < white < 1
    shown = np.clip((film.pixels / 65535 - black) / (white - black), 0, 1)
    graded = read(arrival_of(plain), Limits()).pixels / 65535
    assert np.abs(shown - graded).max() < 0.001
    assert len(np.unique(film.pixels)) > len(np.unique(graded))


def test_a_window_that_is_not_linear_stays_as_it_is(plain: Path) -> None:
    film = windowed(plain, 1500, 900, VOILUTFunction="SIGMOID")
    assert film.window == FULL_RANGE
    assert np.array_equal(film.pixels, read(arrival_of(plain), Limits()).pixels)
