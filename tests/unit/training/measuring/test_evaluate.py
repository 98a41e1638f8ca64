"""`evaluate` and its kin on a real release, through the command line; the worker says the same of the same crop."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from koa_worker.config import Limits
from koa_worker.knee.grading.grade import Grader
from koa_worker.knee.grading.release import default_model_folder
from koa_worker.pipeline import Pipeline
from koa_worker.values import Arrival, Completed, Rejected
from training.__main__ import app
from training.data.crops import Crop, read_crops
from training.data.frames import read_frames
from training.measuring.evaluate import grade_all
from training.measuring.occlusion import CELLS, HIDDEN, hide, measure_occlusion
from training.measuring.robustness import CHANGES, gamma, grain, measure_all, move

# TensorFlow and Keras, of which the release is made, warn of NumPy's and their own changes, differently by release.
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
]

FIGURES = {
    "accuracy", "balanced_accuracy", "macro_f1", "quadratic_kappa", "mae", "ece", "kl1_auc", "kl1_accuracy",
    "kl1_sensitivity", "kl1_specificity", "kl2_auc", "kl2_accuracy", "kl2_sensitivity", "kl2_specificity",
}  # fmt: skip


def call(*arguments: object) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    return result.exit_code, result.stdout, result.stderr


def test_json_holds_every_figure_with_its_interval_and_nothing_else_is_printed(release: Path, crop_folder: Path):
    code, out, _ = call("evaluate", "--model", release, "--data", crop_folder, "--raw", "--json")
    assert code == 0
    found = json.loads(out)
    assert found["model"] == "tiny-v3"
    assert (found["knees"], found["subjects"]) == (30, 15)
    assert set(found) >= FIGURES
    for name in FIGURES:
        assert found[name]["low"] <= found[name]["value"] <= found[name]["high"], name
    assert [len(found[name]) for name in ("precision", "recall", "f1", "confusion")] == [5] * 4
    assert sum(cell["value"] for row in found["confusion"] for cell in row) == 30
    assert 0 <= found["review"]["coverage"] <= 1


def test_table_fits_a_terminal_and_pictures_are_drawn(release: Path, crop_folder: Path, tmp_path: Path):
    code, out, _ = call("evaluate", "--model", release, "--data", crop_folder, "--out", tmp_path / "pictures")
    assert code == 0
    assert "quadratic kappa" in out
    assert max(map(len, out.splitlines())) <= 80
    drawn = {path.name: cv2.imread(str(path)) for path in (tmp_path / "pictures").iterdir()}
    assert set(drawn) == {"confusion.png", "roc.png", "reliability.png", "coverage.png"}
    assert all(picture.std() > 10 for picture in drawn.values())


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("--model", "nowhere-v1", "--data", "."), 2, "model release is missing"),
        (("--model", "{release}", "--data", "{release}"), 2, "sub-folders 0 to 4"),
    ],
)
def test_what_a_person_can_set_right_is_a_sentence(release: Path, arguments: tuple[str, ...], code: int, words: str):
    found, out, told = call("evaluate", *(argument.format(release=release) for argument in arguments))
    assert (found, out) == (code, "")
    assert words in told
    assert "Traceback" not in told


def test_a_crop_equalised_before_is_told_from_a_raw_one(crop_folder: Path, crops: list[Crop], tmp_path: Path):
    for crop in crops:
        (tmp_path / str(crop.kl)).mkdir(exist_ok=True)
        cv2.imwrite(str(tmp_path / str(crop.kl) / crop.path.name), crop.picture)
    again = read_crops(tmp_path, equalized=True)
    assert all(np.array_equal(one.picture, other.picture) for one, other in zip(again, crops, strict=True))
    assert {crop.subject for crop in again} == {crop.subject for crop in crops}


def test_the_worker_says_the_same_of_the_same_file(release: Path, crop_folder: Path):
    assert_same_as_worker(Pipeline(Grader.load(release), Limits()), read_crops(crop_folder), least=0.9)


def test_the_worker_says_the_same_of_real_crops(shared: Path):
    crops = read_crops(shared / "oai-raw-224" / "val")[::8] + read_crops(shared / "oai-kl-224" / "val")[::40]
    assert_same_as_worker(Pipeline(Grader.load(default_model_folder()), Limits()), crops, least=1.0)


def assert_same_as_worker(pipeline: Pipeline, crops: list[Crop], least: float) -> None:
    """To the last bit, for every crop that the worker takes whole; it must take `least` of them so.

    The worker may send more of them to review: an evaluation of grades does not ask its gate.
    """
    graded = grade_all(pipeline.grader, crops)
    whole = 0
    for crop, grade in zip(crops, graded.grades, strict=True):
        data = crop.path.read_bytes()
        outcome = pipeline.process(Arrival(crop.path, hashlib.sha256(data).hexdigest(), len(data), "x"))
        if isinstance(outcome, Rejected) or not outcome.knees[0].roi.whole_frame:
            continue
        assert isinstance(outcome, Completed)
        whole += 1
        given = outcome.knees[0].grade
        assert replace(given, review_reasons=grade.review_reasons, strangeness=None) == grade
        assert given.strangeness is not None
        assert set(grade.review_reasons) <= set(given.review_reasons)
    assert whole >= least * len(crops)


def test_whole_frames_are_searched_for_knees(shared: Path):
    frames = read_frames(shared / "hospital")
    assert len(frames.knees) >= 40
    assert len(frames.rejected) <= 3
    assert all(knee.picture.shape == (224, 224) for knee in frames.knees)
    assert len({knee.subject for knee in frames.knees}) + len(frames.rejected) == 38


def test_clean_comes_first_and_every_change_is_measured(release: Path, crops: list[Crop]):
    rows = measure_all(Grader.load(release), crops[::6])
    assert [row.name for row in rows] == ["clean", *CHANGES]
    clean = rows[0].figures.overall["accuracy"].value
    assert all(row.drop == pytest.approx(clean - row.figures.overall["accuracy"].value) for row in rows)


def test_changes_do_what_they_are_called():
    picture = np.zeros((224, 224), np.uint8)
    picture[100:124, 100:124] = 128
    across = lambda changed: int((changed[112] > 64).sum())  # noqa: E731
    assert across(move(scale=0.5)(picture)) == pytest.approx(48, abs=2)  # a narrower box magnifies
    assert across(move(scale=2.0)(picture)) == pytest.approx(12, abs=2)
    assert np.argmax(move(right=0.25)(picture)[112] > 64) == pytest.approx(156, abs=1)
    assert np.argmax(move(down=0.25)(picture)[:, 112] > 64) == pytest.approx(156, abs=1)
    assert gamma(0.5)(picture)[112, 112] == pytest.approx(255 * (128 / 255) ** 0.5, abs=1)
    noisy = grain(10.0)(picture)
    assert np.array_equal(noisy, grain(10.0)(picture))
    assert noisy[100:124, 100:124].std() == pytest.approx(10, rel=0.15)


def test_hiding_paints_whole_cells_with_the_mean():
    picture = np.arange(224 * 224, dtype=np.uint32).reshape(224, 224).astype(np.uint8)
    hidden = hide(picture, np.array([0, CELLS * CELLS - 1]))
    assert (hidden[:32, :32] == round(picture.mean())).all()
    assert (hidden[-32:, -32:] == round(picture.mean())).all()
    assert (hidden[:32, 32:] == picture[:32, 32:]).all()


def test_occlusion_counts_what_is_lost(release: Path, crops: list[Crop]):
    found = measure_occlusion(Grader.load(release), crops[::10])
    assert found.knees == 3
    assert pytest.approx(0.2, abs=0.01) == HIDDEN / CELLS**2
    assert -1 <= found.hottest <= 1
    assert found.as_dict()["ratio"] == pytest.approx(found.ratio, abs=1e-3)
