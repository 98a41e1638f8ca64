"""Images that must not be graded are refused: through the whole worker, with the shipped release."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pydicom
import pytest

from bench import set_in
from koa_worker.config import Config
from koa_worker.knee.finding.roi import find_knees, overlap
from koa_worker.pipeline import Pipeline
from koa_worker.synthetic import ImplantKind, Plate, draw, random_spec, with_implant
from koa_worker.synthetic.write import write_dicom
from koa_worker.values import Arrival, Completed, Outcome, Radiograph, Rejected, ReviewCode, Study


@pytest.fixture(scope="module")
def pipeline() -> Pipeline:
    loaded = Pipeline.load(Config())
    if loaded.grader.familiar is None:
        pytest.skip("the release that is shipped has no gate")
    return loaded


@pytest.fixture
def take(pipeline: Pipeline, tmp_path: Path):
    def run(source: Path | np.ndarray) -> Outcome:
        path = source if isinstance(source, Path) else tmp_path / "frame.png"
        if not isinstance(source, Path):
            cv2.imwrite(str(path), source)
        data = path.read_bytes()
        return pipeline.process(Arrival(path, hashlib.sha256(data).hexdigest(), len(data), path.name))

    return run


@pytest.fixture(scope="module")
def plate() -> Plate:
    return next(plate for plate in (draw(random_spec(s, longest=900)) for s in (2, 3)) if len(plate.truths) == 2)


def test_a_knee_with_an_implant_is_refused_and_the_other_one_graded(take, plate: Plate) -> None:
    outcome = take(with_implant(plate, plate.truths[0]).pixels)
    assert isinstance(outcome, Completed)
    assert [knee.code for knee in outcome.refused] == ["implant"]
    (graded,) = outcome.knees
    assert graded.roi.box.x > outcome.refused[0].roi.box.x


def test_a_leg_without_a_joint_is_not_passed_over(take, plate: Plate) -> None:
    """The joint is painted over with the tissue below it: the leg is still there."""
    box, pixels = plate.truths[0].box, plate.pixels.copy()
    rows = slice(box.y, box.y + box.height)
    below = pixels[box.y + box.height : box.y + box.height + 8, box.x : box.x + box.width]
    pixels[rows, box.x : box.x + box.width] = np.round(below.mean(axis=0)).astype(pixels.dtype)
    outcome = take(pixels)
    assert isinstance(outcome, Completed)
    (refused,) = outcome.refused
    (graded,) = outcome.knees
    assert refused.roi.box.x < graded.roi.box.x


@pytest.mark.parametrize("kind", list(ImplantKind))
def test_metal_of_every_kind_costs_a_knee_its_grade(take, plate: Plate, kind: ImplantKind) -> None:
    outcome = take(with_implant(plate, plate.truths[0], kind).pixels)
    assert isinstance(outcome, Completed)
    assert [knee.code for knee in outcome.refused] == ["implant"]


def test_a_minor_s_knees_are_graded_for_review_alone(take, plate: Plate, tmp_path: Path) -> None:
    path = tmp_path / "minor.dcm"
    write_dicom(path, plate)
    dataset = pydicom.dcmread(path)
    dataset.PatientAge = "015Y"
    dataset.save_as(path)
    outcome = take(path)
    assert isinstance(outcome, Completed)
    assert all(knee.grade.needs_review for knee in outcome.knees)
    assert all(knee.grade.review_reasons[0].code is ReviewCode.MINOR for knee in outcome.knees)


def test_a_frame_with_nothing_but_implants_is_rejected(take, plate: Plate) -> None:
    both = with_implant(plate, plate.truths[0])
    both = replace(both, pixels=np.maximum(both.pixels, with_implant(plate, plate.truths[1]).pixels))
    outcome = take(both.pixels)
    assert isinstance(outcome, Rejected)
    assert outcome.code == "implant"
    assert [knee.code for knee in outcome.refused] == ["implant", "implant"]


@pytest.mark.parametrize("quarters", [1, 3])
def test_no_frame_on_its_side_is_graded_as_it_lies(take, plate: Plate, quarters: int) -> None:
    """Onto which end is not asked of a drawn knee, whose thigh and shin are nearly alike."""
    outcome = take(np.rot90(plate.pixels, quarters))
    if isinstance(outcome, Completed):
        assert {knee.roi.turned % 2 for knee in outcome.knees} == {1}
        assert all(ReviewCode.TURNED in {reason.code for reason in knee.grade.review_reasons} for knee in outcome.knees)


def test_a_page_of_text_and_a_photograph_are_rejected(take) -> None:
    page = np.full((1200, 900), 245, np.uint8)
    for line in range(30):
        cv2.putText(page, "The quick brown fox jumps over the lazy dog", (40, 60 + 36 * line), 0, 1.0, 20, 2)
    assert isinstance(take(page), Rejected)
    sky, ground = np.full((300, 800, 3), (230, 160, 90), np.uint8), np.full((300, 800, 3), (40, 120, 60), np.uint8)
    assert isinstance(take(np.vstack([sky, ground])), Rejected)


def test_implants_get_no_grade(take, shared: Path) -> None:
    outcomes = [take(path) for path in sorted((shared / "ood/prosthesis").iterdir())]
    graded = [outcome for outcome in outcomes if isinstance(outcome, Completed)]
    assert len(graded) <= 1  # the native knee beside one
    assert all([knee.code for knee in outcome.refused] == ["implant"] for outcome in graded)


def test_hips_and_ankles_are_rejected_without_the_header_s_help(take, shared: Path, tmp_path: Path) -> None:
    for path in sorted((shared / "dicom").iterdir()):
        dataset = pydicom.dcmread(path)
        for keyword in ("BodyPartExamined", "ViewPosition"):
            if keyword in dataset:
                delattr(dataset, keyword)
        dataset.save_as(tmp_path / path.name)
        assert isinstance(take(tmp_path / path.name), Rejected), path.name


def test_knees_are_not_turned_away(take, shared: Path) -> None:
    assert all(isinstance(take(path), Completed) for path in (shared / "plates").iterdir())
    hospital = [take(path) for path in sorted((shared / "hospital").glob("*/*"))]
    assert sum(len(outcome.knees) for outcome in hospital if isinstance(outcome, Completed)) == 46
    plates = [take(path) for path in sorted((shared / "plates-hospital2").iterdir())]
    assert sum(len(outcome.knees) for outcome in plates if isinstance(outcome, Completed)) == 75


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_real_frames_are_turned_upright(take, shared: Path, quarters: int) -> None:
    for path in (shared / "plates").iterdir():
        outcome = take(np.rot90(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE), quarters))
        if quarters == 2:
            assert isinstance(outcome, Completed), path.name
        if isinstance(outcome, Completed):
            assert {knee.roi.turned for knee in outcome.knees} == {-quarters % 4}


@pytest.mark.parametrize("number", [3, 21])
def test_a_severe_knee_is_graded_where_the_model_sees_it(take, shared: Path, number: int) -> None:
    """On these faint plates density prefers a place half a plateau away."""
    picture = set_in.pictures(shared, "KL 4", number + 1, judging=False)[number]
    found = find_knees(Radiograph(picture.pixels, "PNG", Study("1", "2")))
    assert max(overlap(roi.box, picture.placed) for roi in found) < 0.5
    outcome = take(picture.pixels)
    assert isinstance(outcome, Completed)
    assert max(overlap(knee.roi.box, picture.placed) for knee in outcome.knees) > 0.7
