"""The gate's fit: made examples, the regression, and what a release then has of it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from koa_worker.knee.grading.familiar import KINDS, Kind
from koa_worker.knee.grading.grade import Grader
from koa_worker.knee.grading.prepare import SIZE
from training.data.crops import Crop
from training.releasing import nonknees, oddknees
from training.releasing.gate import MOST, choose, fit_gate, read_others, regress, renew_gate


def test_made_pictures_are_pictures_and_the_same_ones_each_time(crops: list[Crop]) -> None:
    kinds = set()
    for crop in crops[:6]:
        first, again = (np.random.default_rng(3) for _ in range(2))
        for _ in range(12):
            kind, made = nonknees.make(crop.picture, first)
            assert (made.shape, made.dtype) == ((SIZE, SIZE), np.uint8)
            assert np.array_equal(made, nonknees.make(crop.picture, again)[1])
            kinds.add(kind)
        odd = oddknees.make(crop.picture, first)
        assert (odd.shape, odd.dtype) == ((SIZE, SIZE), np.uint8)
    assert kinds >= {Kind.IMPLANT, Kind.VIEW, Kind.OTHER}


def test_a_knee_on_its_side_is_called_by_the_quarters_that_turned_it(crops: list[Crop]) -> None:
    upright = crops[0].picture
    for seed in range(6):
        kind, made = nonknees.turn(upright, np.random.default_rng(seed))
        assert np.array_equal(made, np.rot90(upright, KINDS.index(kind) - KINDS.index(Kind.QUARTER) + 1))


def test_grades_are_chosen_alike(crops: list[Crop]) -> None:
    many = crops * (MOST // len(crops) + 2)
    chosen = choose(many)
    counts = np.bincount([crop.kl for crop in chosen])
    assert len(chosen) <= MOST
    assert counts.min() == counts.max() > 0


def test_the_regression_parts_what_can_be_parted() -> None:
    chance = np.random.default_rng(0)
    kinds = chance.integers(0, 3, 300)
    inputs = (np.eye(3)[kinds] * 4 + chance.normal(0, 0.5, (300, 3))).astype(np.float32)
    weights, bias = regress(inputs, np.eye(3, dtype=np.float32)[kinds])
    assert ((inputs @ weights + bias).argmax(axis=1) == kinds).mean() > 0.98


def test_a_release_is_given_a_gate_and_the_same_one_again(release: Path, crops: list[Crop], tmp_path: Path) -> None:
    said: list[str] = []
    first = fit_gate(release, crops, (), said.append)
    assert first.as_npz() == Grader.load(release).familiar.as_npz()  # type: ignore[union-attr] # the export's own
    assert first.sure <= first.doubtful <= first.strange
    assert said[0].startswith("gate:")
    folder = tmp_path / release.name
    shutil.copytree(release, folder)
    others = [np.full((SIZE, SIZE), level, np.uint8) for level in range(0, 250, 10)]
    renew_gate(folder, fit_gate(folder, crops, others, said.append))
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["gate"]["file"] == "gate.npz"
    assert "views" not in manifest["gate"]  # the release has more than one look
    assert "cost" not in manifest["metrics"]  # it was measured with the former gate
    assert Grader.load(folder).familiar.as_npz() != first.as_npz()  # type: ignore[union-attr]


def test_further_pictures_are_read_and_what_is_none_is_left_out(crop_folder: Path, tmp_path: Path) -> None:
    shutil.copy(next((crop_folder / "0").iterdir()), tmp_path / "one.png")
    (tmp_path / "notes.txt").write_text("no picture")
    (made,) = read_others(tmp_path)
    assert made.shape == (SIZE, SIZE)


@pytest.mark.parametrize("damage", ["missing", "altered", "other members"])
def test_a_gate_that_is_not_the_release_s_stops_the_worker(release: Path, tmp_path: Path, damage: str) -> None:
    from koa_worker.errors import SetupError  # noqa: PLC0415

    folder = tmp_path / release.name
    shutil.copytree(release, folder)
    if damage == "missing":
        (folder / "gate.npz").unlink()
    elif damage == "altered":
        (folder / "gate.npz").write_bytes(b"other")
    else:
        from dataclasses import replace  # noqa: PLC0415

        gate = Grader.load(folder).familiar
        assert gate is not None
        renew_gate(
            folder, replace(gate, weights=np.repeat(gate.weights, 2, axis=0), bias=np.repeat(gate.bias, 2, axis=0))
        )
    with pytest.raises(SetupError):
        Grader.load(folder)
