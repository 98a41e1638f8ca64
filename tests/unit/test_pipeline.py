"""One file in, one outcome out: a reject has its study and patient and is not read a second time."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pydicom
import pytest

from koa_worker import synthetic
from koa_worker.config import Config, Limits
from koa_worker.intake import digest
from koa_worker.pipeline import Pipeline
from koa_worker.read import dicom
from koa_worker.synthetic.write import Person, write_dicom
from koa_worker.values import Arrival, Outcome, Rejected, Side, Ungraded

PATIENT = Person("Muster^Erika", "P-17", "19500201", "F")


@pytest.fixture(scope="module")
def pipeline() -> Pipeline:
    return Pipeline.load(Config())


@pytest.fixture
def radiograph(tmp_path: Path) -> Path:
    path = tmp_path / "it"
    plate = synthetic.draw(synthetic.PlateSpec(300, 240, 0.8, (synthetic.KneeSpec(Side.LEFT),), seed=5))
    write_dicom(path, plate, patient=PATIENT, study_uid="2.25.5")
    return path


def changed(path: Path, **values: Any) -> Path:
    dataset = pydicom.dcmread(path)
    for keyword, value in values.items():
        setattr(dataset, keyword, value)
    dataset.save_as(path)
    return path


def processed(pipeline: Pipeline, path: Path) -> Outcome:
    return pipeline.process(Arrival(path, digest(path), path.stat().st_size, path.name))


def assert_named(outcome: Outcome, code: str) -> None:
    assert isinstance(outcome, Rejected), outcome
    assert outcome.code == code
    assert outcome.study is not None
    assert outcome.study.study_uid == "2.25.5"
    assert outcome.patient is not None
    assert outcome.patient.id == "P-17"


def test_a_large_reject_keeps_its_study_where_the_limit_was_raised(pipeline: Pipeline, radiograph: Path) -> None:
    os.truncate(changed(radiograph, NumberOfFrames=7), (Limits().max_file_mb + 1) * 1_000_000)
    raised = replace(pipeline, limits=Limits(max_file_mb=Limits().max_file_mb + 100))
    assert_named(processed(raised, radiograph), "multi_frame")


def test_a_file_over_the_limit_keeps_its_study(pipeline: Pipeline, radiograph: Path) -> None:
    os.truncate(radiograph, 2_500_000)
    assert_named(processed(replace(pipeline, limits=Limits(max_file_mb=2)), radiograph), "too_large")


@pytest.mark.parametrize(
    ("values", "code"),
    [({"Rows": 60_000, "Columns": 60_000}, "too_large"), ({"Modality": "CT"}, "unsupported_modality")],
)
def test_a_reject_is_taken_apart_once(
    pipeline: Pipeline, radiograph: Path, monkeypatch: pytest.MonkeyPatch, values: dict[str, Any], code: str
) -> None:
    parsed: list[int] = []
    real = dicom.parse

    def spy(data: bytes, most_bytes: int) -> Any:
        parsed.append(most_bytes)
        return real(data, most_bytes)

    monkeypatch.setattr(dicom, "parse", spy)
    assert_named(processed(pipeline, changed(radiograph, **values)), code)
    assert parsed == [pipeline.limits.max_file_mb * 1_000_000]


def test_what_is_rejected_after_it_was_read_keeps_its_study(pipeline: Pipeline, radiograph: Path) -> None:
    pixels = np.full((300, 240), 900, np.uint16)
    assert_named(processed(pipeline, changed(radiograph, PixelData=pixels.tobytes())), "blank")


def test_a_plain_picture_belongs_to_no_study(pipeline: Pipeline, tmp_path: Path) -> None:
    path = tmp_path / "blank.png"
    cv2.imwrite(str(path), np.full((300, 240), 90, np.uint8))
    outcome = processed(pipeline, path)
    assert isinstance(outcome, Rejected)
    assert (outcome.code, outcome.study, outcome.patient) == ("blank", None, None)


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"BodyPartExamined": "KNEE", "ImageLaterality": "B", "ViewPosition": "LATERAL"}, (Side.RIGHT, Side.LEFT)),
        ({"BodyPartExamined": "KNEE", "ImageLaterality": "R", "NumberOfFrames": 7}, (Side.RIGHT,)),
        ({"BodyPartExamined": "HIP", "ImageLaterality": "R"}, None),
        ({"BodyPartExamined": "CHEST", "ImageLaterality": ""}, None),
        ({"BodyPartExamined": "KNEE", "ImageLaterality": "R", "Modality": "MR"}, None),
    ],
)
def test_a_reject_knows_the_knees_that_its_header_names(
    pipeline: Pipeline, radiograph: Path, values: dict[str, Any], named: tuple[Side, ...] | None
) -> None:
    outcome = processed(pipeline, changed(radiograph, **values))
    assert isinstance(outcome, Rejected)
    assert outcome.ungraded == (None if named is None else Ungraded(named, pipeline.grader.graded_by))


def test_a_reject_that_names_no_part_is_about_a_knee_if_one_was_seen(pipeline: Pipeline, tmp_path: Path) -> None:
    plate = synthetic.draw(synthetic.PlateSpec(900, 700, 0.3, (synthetic.KneeSpec(Side.LEFT),), seed=5))
    path = tmp_path / "it"
    write_dicom(path, synthetic.with_implant(plate, plate.truths[0]), patient=PATIENT)
    outcome = processed(pipeline, changed(path, BodyPartExamined=""))
    assert isinstance(outcome, Rejected)
    assert outcome.code == "implant"
    assert outcome.ungraded == Ungraded((), pipeline.grader.graded_by)
