"""The teacher: its answers are the release's own, asked once, and learnt beside the labels in the share wanted."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

keras = pytest.importorskip("keras")

import numpy as np  # noqa: E402 - Keras decides first whether this file runs
from rich.console import Console  # noqa: E402
from typer.testing import CliRunner  # noqa: E402

from koa_worker.knee.grading.grade import Grader  # noqa: E402
from training.__main__ import app  # noqa: E402
from training.data.layouts import Source, collect  # noqa: E402
from training.data.split import complete  # noqa: E402
from training.fitting import teacher  # noqa: E402
from training.fitting.batches import soft_labels  # noqa: E402
from training.fitting.fit import Fitting  # noqa: E402
from training.fitting.settings import Settings  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore")  # TensorFlow's own import warns in ways that differ by release

QUIET = Console(quiet=True)


@pytest.fixture(scope="module")
def pictures() -> Any:
    return np.random.default_rng(2).integers(0, 256, (3, 224, 224), np.uint8)


def test_answers_are_the_release_s_own(release: Path, pictures: Any, tmp_path: Path) -> None:
    found = teacher.answers(release, pictures, tmp_path, QUIET)
    grader = Grader.load(release)
    assert found == pytest.approx(np.array([grader.grade(picture)[0].probabilities for picture in pictures]), abs=1e-6)


def test_a_resumed_run_does_not_ask_again(release: Path, pictures: Any, tmp_path: Path) -> None:
    teacher.answers(release, pictures, tmp_path, QUIET)
    kept = dict(np.load(tmp_path / teacher.ANSWERS))
    kept["answers"][:] = 0.2
    np.savez(tmp_path / teacher.ANSWERS, **kept)
    assert (teacher.answers(release, pictures, tmp_path, QUIET) == np.float32(0.2)).all()


@pytest.mark.parametrize("stale", [{"digest": "another release"}, {"answers": np.full((2, 5), 0.2, np.float32)}])
def test_answers_to_something_else_are_asked_anew(
    release: Path, pictures: Any, tmp_path: Path, stale: dict[str, Any]
) -> None:
    first = teacher.answers(release, pictures, tmp_path, QUIET)
    np.savez(tmp_path / teacher.ANSWERS, **(dict(np.load(tmp_path / teacher.ANSWERS)) | stale))
    assert np.array_equal(teacher.answers(release, pictures, tmp_path, QUIET), first)


def test_labels_and_answers_are_learnt_in_the_share_wanted(release: Path, crop_folder: Path, tmp_path: Path) -> None:
    dataset = complete(collect([Source.parse(f"raw:{crop_folder}")]), seed=1)
    settings = Settings(network="cnn", head_epochs=0, sizes=((224, 1),), teacher=str(release), trust=0.25)
    learnt = Fitting(settings, dataset, tmp_path, QUIET)._targets
    grades = dataset.of("train").grades
    said = np.load(tmp_path / teacher.ANSWERS)["answers"]
    assert learnt == pytest.approx(0.75 * soft_labels(grades, settings.sigma) + 0.25 * said, abs=1e-6)
    assert learnt.sum(axis=1) == pytest.approx(np.ones(len(grades)), abs=1e-5)


def test_altered_teacher_is_one_sentence(release: Path, crop_folder: Path, tmp_path: Path) -> None:
    altered = shutil.copytree(release, tmp_path / release.name)
    (altered / "member1.tflite").write_bytes(b"no net")
    arguments = ["fit", "--data", f"raw:{crop_folder}", "--out", str(tmp_path / "run"), "--network", "cnn"]
    done = CliRunner().invoke(app, [*arguments, "--sizes", "224x1", "--teacher", str(altered)])
    assert done.exit_code not in (0, 1)
    assert "member1.tflite" in done.output
    assert isinstance(done.exception, SystemExit)
