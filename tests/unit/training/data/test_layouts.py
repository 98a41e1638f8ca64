"""Collecting graded knees: the grade, subject and split that are read, and the reasons for leaving files out."""

from __future__ import annotations

import csv
from pathlib import Path

import cv2
import numpy as np
import pytest

from koa_worker.knee.grading.prepare import prepare
from training.data import layouts
from training.data.layouts import Preparation, Source, collect, grade_of, subject_of


def put(path: Path, seed: int, *, size: int = 40) -> Path:
    """A small picture that only this seed gives."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (size, size), dtype=np.uint8)
    assert cv2.imwrite(str(path), pixels)
    return path


@pytest.mark.parametrize(
    ("path", "grade"),
    [
        ("2/9003175L.png", 2),
        ("train/Grade_3/a.png", 3),
        ("KL4/a.png", 4),
        ("val/2Minimal/a.png", 2),
        ("0Normal/9003175L.png", 0),
        ("1/deeper/a.png", 1),
        ("Normal/NormalG0 (1).png", 0),
        ("x/SevereG4 (12).png", 4),
        ("a_kl3.png", 3),
        ("Grade_5/a.png", None),
        ("2024/a.png", None),
        ("9003175L.png", None),
        ("knees12/a.png", None),
    ],
)
def test_grade_is_read_from_the_nearest_folder_or_the_name(path: str, grade: int | None) -> None:
    assert grade_of(Path("/data") / path, Path("/data")) == grade


def test_grade_is_not_read_from_above_the_root() -> None:
    assert grade_of(Path("/study/3/knee.png"), Path("/study/3")) is None


@pytest.mark.parametrize(
    ("one", "other"),
    [("9003175L.jpg", "9003175R.png"), ("P-17_left.png", "P-17_right.png"), ("12 R.png", "12 L.png")],
)
def test_both_knees_are_of_one_subject(one: str, other: str) -> None:
    assert subject_of(one) == subject_of(other)


def test_names_that_end_in_l_or_r_keep_their_letter() -> None:
    assert subject_of("collar.png") == "collar"


def test_folders_with_splits(tmp_path: Path) -> None:
    put(tmp_path / "train/0/100L.png", 1)
    put(tmp_path / "Validation/2/200R.png", 2)
    put(tmp_path / "test/4/300R.png", 3)
    dataset = collect([tmp_path])
    assert [(item.grade, item.subject, item.split) for item in dataset.items] == [
        (2, "200", "val"),
        (4, "300", "test"),
        (0, "100", "train"),
    ]
    assert dataset.left_out == ()


def test_unreadable_and_unlabelled_are_named(tmp_path: Path) -> None:
    put(tmp_path / "1/1L.png", 1)
    unlabelled = put(tmp_path / "others/2L.png", 2)
    empty, broken = tmp_path / "1/3L.png", tmp_path / "1/4L.jpg"
    empty.write_bytes(b"")
    broken.write_bytes(b"not a picture")
    (tmp_path / "1/notes.txt").write_text("not looked at")
    dataset = collect([tmp_path])
    assert [item.subject for item in dataset.items] == ["1"]
    assert {(out.path, out.reason) for out in dataset.left_out} == {
        (unlabelled, "unlabelled"),
        (empty, "unreadable"),
        (broken, "unreadable"),
    }


def test_equal_pixels_are_used_once_and_where_they_measure(tmp_path: Path) -> None:
    taught = put(tmp_path / "train/1/1L.png", 7)
    put(tmp_path / "val/1/2L.png", 7)
    put(tmp_path / "train/0/3L.png", 8)
    twin = tmp_path / "train/0/4L.bmp"  # other bytes, same pixels
    assert cv2.imwrite(str(twin), cv2.imread(str(tmp_path / "train/0/3L.png"), cv2.IMREAD_GRAYSCALE))
    dataset = collect([tmp_path])
    assert {item.subject for item in dataset.items} == {"2", "3"}
    assert {(out.path, out.reason) for out in dataset.left_out} == {(taught, "duplicate"), (twin, "duplicate")}


def test_equal_pixels_of_different_grade_are_all_left_out(tmp_path: Path) -> None:
    put(tmp_path / "1/1L.png", 7)
    put(tmp_path / "2/2L.png", 7)
    dataset = collect([tmp_path])
    assert dataset.items == ()
    assert [out.reason for out in dataset.left_out] == ["contradiction", "contradiction"]


def test_subject_in_two_splits_stays_in_the_one_that_measures(tmp_path: Path) -> None:
    taught = put(tmp_path / "train/1/1L.png", 1)
    put(tmp_path / "val/1/1R.png", 2)
    dataset = collect([tmp_path])
    assert [(item.subject, item.split) for item in dataset.items] == [("1", "val")]
    assert [(out.path, out.reason) for out in dataset.left_out] == [(taught, "cross_split")]


def test_table_with_its_own_subjects_splits_and_preparations(tmp_path: Path) -> None:
    put(tmp_path / "a.png", 1)
    put(tmp_path / "b.png", 2)
    put(tmp_path / "c.png", 3)
    with (tmp_path / "knees.csv").open("w", newline="") as file:
        csv.writer(file).writerows(
            [
                ["path", "grade", "subject", "split", "preparation"],
                ["a.png", "3", "S1", "train", "raw"],
                [str(tmp_path / "b.png"), "0", "S2", "valid", ""],
                ["c.png", "", "S3", "", ""],
            ]
        )
    dataset = collect([Source(tmp_path / "knees.csv", Preparation.EQUALIZED)])
    assert [(item.grade, item.subject, item.split, item.preparation) for item in dataset.items] == [
        (3, "S1", "train", Preparation.RAW),
        (0, "S2", "val", Preparation.EQUALIZED),
    ]
    assert [(out.path.name, out.reason) for out in dataset.left_out] == [("c.png", "unlabelled")]


def test_table_without_grades_is_refused(tmp_path: Path) -> None:
    (tmp_path / "knees.csv").write_text("path,score\na.png,1\n")
    with pytest.raises(ValueError, match="no column grade"):
        collect([tmp_path / "knees.csv"])


def test_missing_source_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="neither a folder nor a CSV"):
        collect([tmp_path / "nowhere"])


@pytest.mark.parametrize(
    ("text", "path", "preparation"),
    [
        ("raw:a/b", "a/b", Preparation.RAW),
        ("equalized:/x", "/x", Preparation.EQUALIZED),
        ("/x:y", "/x:y", Preparation.LOOK),
    ],
)
def test_sources_say_their_preparation(text: str, path: str, preparation: Preparation) -> None:
    assert Source.parse(text) == Source(Path(path), preparation)


def test_pictures_are_prepared_as_the_worker_prepares_them(tmp_path: Path) -> None:
    path = put(tmp_path / "1/1L.png", 1, size=224)
    stored = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    raw = layouts.pictures(collect([Source(tmp_path, Preparation.RAW)]).items)
    done = layouts.pictures(collect([Source(tmp_path, Preparation.EQUALIZED)]).items)
    assert np.array_equal(raw[0], prepare(stored, equalized=False))
    assert np.array_equal(done[0], stored)


def test_digest_follows_pixels_and_grades_not_places(tmp_path: Path) -> None:
    put(tmp_path / "a/1/1L.png", 1)
    put(tmp_path / "b/1/1L.png", 1)
    put(tmp_path / "c/2/1L.png", 1)
    a, b, c = (collect([tmp_path / name]).digest for name in "abc")
    assert a == b != c


def test_published_folder_is_whole(shared: Path) -> None:
    dataset = collect([Source(shared / "oai-kl-224/val", Preparation.EQUALIZED)])
    assert np.bincount(dataset.grades).tolist() == [328, 153, 212, 106, 27]
    assert dataset.left_out == ()
