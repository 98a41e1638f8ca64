"""Splitting by subject: nobody in two splits, every grade in each, the same for the same seed."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from training.data.layouts import Dataset, Item, Preparation, collect
from training.data.split import SubjectInTwoSplits, check, complete, write


def item(subject: int, side: str, grade: int, split: str = "") -> Item:
    return Item(Path(f"{subject}{side}.png"), grade, str(subject), Preparation.EQUALIZED, split)


@pytest.fixture
def unsplit() -> Dataset:
    """200 subjects with two knees, grade 4 rare."""
    chance = np.random.default_rng(0)
    grades = chance.choice(5, size=(200, 2), p=[0.4, 0.2, 0.25, 0.12, 0.03])
    return Dataset(tuple(item(s, side, int(grades[s, k])) for s in range(200) for k, side in enumerate("LR")))


def test_validation_is_taken_by_subject_and_grade(unsplit: Dataset) -> None:
    done = complete(unsplit, share=0.2)
    taught, judged = set(done.of("train").subjects), set(done.of("val").subjects)
    assert not taught & judged
    assert len(judged) == pytest.approx(40, abs=3)
    assert set(done.of("val").grades.tolist()) == {0, 1, 2, 3, 4}
    assert len(done.items) == len(unsplit.items)


def test_seed_decides_the_split(unsplit: Dataset) -> None:
    again = complete(unsplit, seed=1)
    assert complete(unsplit, seed=1) == again
    assert complete(unsplit, seed=2).of("val").subjects != again.of("val").subjects
    assert complete(Dataset(unsplit.items[::-1]), seed=1).of("val").digest == again.of("val").digest


def test_what_the_source_says_stays() -> None:
    given = Dataset((item(1, "L", 0, "train"), item(2, "L", 0, "val"), item(3, "L", 1, "test"), item(4, "L", 1)))
    assert [one.split for one in complete(given).items] == ["train", "val", "test", "train"]


def test_subject_in_two_splits_is_an_error() -> None:
    with pytest.raises(SubjectInTwoSplits, match="1 subjects are in two splits, the first of them 7"):
        check([item(7, "L", 0, "train"), item(7, "R", 0, "val"), item(8, "R", 0, "val")])


def test_written_split_can_be_read_back(tmp_path: Path) -> None:
    for subject in range(6):
        (tmp_path / str(subject % 2)).mkdir(exist_ok=True)
        pixels = np.full((8, 8), subject, np.uint8)
        cv2.imwrite(str(tmp_path / str(subject % 2) / f"{subject}00L.png"), pixels)
    done = complete(collect([tmp_path]), share=0.4)
    write(done, tmp_path / "split.csv")
    assert collect([tmp_path / "split.csv"]).digest == done.digest
