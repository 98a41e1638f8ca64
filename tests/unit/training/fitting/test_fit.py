"""Fitting: soft labels and sampling by arithmetic, and whole small runs: learned, kept, resumed, killed."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

keras = pytest.importorskip("keras")

import cv2  # noqa: E402 - Keras decides first whether this file runs
import numpy as np  # noqa: E402
from rich.console import Console  # noqa: E402
from typer.testing import CliRunner  # noqa: E402

from koa_worker.knee.grading.prepare import equalize  # noqa: E402
from training.__main__ import app  # noqa: E402
from training.data.crops import levelled  # noqa: E402
from training.data.layouts import Dataset, Item, Preparation, Source, collect  # noqa: E402
from training.fitting import checkpoint, runfile  # noqa: E402
from training.fitting.augment import LEVELS  # noqa: E402
from training.fitting.batches import Batches, mixed, sample, scale, soft_labels  # noqa: E402
from training.fitting.checkpoint import Average  # noqa: E402
from training.fitting.fit import MOST_TURNED, Fitting, _Averaging  # noqa: E402
from training.fitting.settings import Settings, parse_sizes, parse_window  # noqa: E402
from training.network import networks  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore")  # TensorFlow's own import warns in ways that differ by release

ROOT = Path(__file__).resolve().parents[4]


@pytest.fixture(scope="module")
def knees(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Forty-five drawn joints: the gap between two plates narrows with the grade."""
    folder = tmp_path_factory.mktemp("knees")
    chance = np.random.default_rng(0)
    for split, count in (("train", 6), ("val", 3)):
        for grade in range(5):
            (folder / split / str(grade)).mkdir(parents=True)
            for knee in range(count):
                picture = chance.normal(150, 12, (224, 224))
                gap = 24 - 5 * grade
                picture[112 - gap // 2 : 112 + gap // 2 + 1] -= 90
                name = f"{('train', 'val').index(split)}{grade}{knee}00L.png"
                path = folder / split / str(grade) / name
                assert cv2.imwrite(str(path), np.clip(picture, 0, 255).astype(np.uint8))
    return folder


def test_soft_labels_fall_off_evenly_from_the_grade() -> None:
    labels = soft_labels(np.array([0, 2]), 0.5)
    assert labels.sum(axis=1) == pytest.approx([1, 1])
    assert labels.argmax(axis=1).tolist() == [0, 2]
    assert labels[1, 1] == labels[1, 3] == pytest.approx(labels[1, 2] * np.exp(-2))
    assert np.array_equal(soft_labels(np.array([3]), 0), np.eye(5)[[3]])


def test_sampling_without_balance_takes_each_once() -> None:
    grades = np.array([0] * 30 + [1] * 8 + [4] * 2)
    assert sorted(sample(grades, 0, np.random.default_rng(0))) == list(range(40))


def test_sampling_with_balance_takes_the_grades_equally_often() -> None:
    grades = np.array([0] * 300 + [1] * 80 + [2] * 60 + [3] * 40 + [4] * 20)
    order = sample(grades, 1, np.random.default_rng(0))
    assert len(order) == len(grades)
    assert np.bincount(grades[order]) == pytest.approx([100] * 5, abs=15)
    assert np.bincount(order, minlength=500)[480:].min() >= 4  # each of the rare ones is due five times


def test_scaling_is_the_workers() -> None:
    scaled = scale(np.array([[[0, 255]]], np.uint8))
    assert scaled.shape == (1, 1, 2, 3)
    assert scaled[0, 0].tolist() == [[-1, -1, -1], [1, 1, 1]]


def test_mixed_pictures_and_what_is_learnt_of_them_are_laid_over_in_one_share() -> None:
    grades = np.arange(5).repeat(4)
    shown = np.broadcast_to(grades[:, None, None, None] * 10.0, (20, 2, 2, 1)).astype(np.float32)
    both, targets = mixed(shown, soft_labels(grades, 0), grades, np.random.default_rng(0), mix=0.5, within=4)
    assert both[:, 0, 0, 0] == pytest.approx(10 * (targets @ np.arange(5)), abs=1e-4)
    assert targets.sum(axis=1) == pytest.approx(np.ones(20), abs=1e-5)
    assert (targets.max(axis=1) < 0.99).any()
    assert any(np.ptp(np.flatnonzero(target)) > 1 for target in targets)


def test_mixed_within_one_grade_are_only_knees_of_neighbouring_grades() -> None:
    grades = np.arange(5).repeat(4)
    shown = np.broadcast_to(grades[:, None, None, None] * 10.0, (20, 2, 2, 1)).astype(np.float32)
    across = 0
    for seed in range(10):
        both, targets = mixed(shown, soft_labels(grades, 0), grades, np.random.default_rng(seed), mix=1.0, within=1)
        assert both[:, 0, 0, 0] == pytest.approx(10 * (targets @ np.arange(5)), abs=1e-4)
        taught = [np.flatnonzero(target) for target in targets]
        assert all(np.ptp(both_of) <= 1 for both_of in taught)
        across += sum(len(both_of) == 2 for both_of in taught)
    assert across > 60


def test_batches_without_mix_hold_each_knees_own_answer() -> None:
    grades = np.array([0, 2, 4])
    batches = Batches(
        np.zeros((3, 32, 32), np.uint8), grades, soft_labels(grades, 0),
        epoch=0, seed=0, size=32, batch=3, how=LEVELS["none"], balance=0,
    )  # fmt: skip
    assert sorted(batches[0][1].argmax(axis=1)) == [0, 2, 4]
    assert (batches[0][1].max(axis=1) == 1).all()


def test_batches_equalise_those_alone_that_are_not_yet_equalised() -> None:
    grades = np.array([0, 2, 4])
    chance = np.random.default_rng(0)
    pictures = chance.normal(120, 20, (3, 224, 224)).astype(np.uint8)
    batches = Batches(
        pictures, grades, soft_labels(grades, 0),
        epoch=0, seed=0, size=224, batch=3, how=LEVELS["none"], balance=0, raw=np.array([True, False, True]),
    )  # fmt: skip
    shown, targets = batches[0]
    for one, grade in zip(shown, targets.argmax(axis=1), strict=True):
        known = pictures[grade // 2]
        wanted = known if grade == 2 else equalize(known)
        assert np.abs(one - scale(wanted[np.newaxis])[0]).max() < 1.5 / 127.5  # a table of grays may round by one


def test_epoch_of_raw_crops_is_the_same_after_a_restart() -> None:
    grades = np.arange(5).repeat(2)
    pictures = np.random.default_rng(0).normal(120, 20, (10, 224, 224)).astype(np.uint8)

    def begun() -> Batches:
        return Batches(
            pictures, grades, soft_labels(grades, 0.5),
            epoch=3, seed=7, size=96, batch=5, how=LEVELS["usual"], balance=0.5, raw=np.ones(10, np.bool_),
        )  # fmt: skip

    before = begun()
    before[0]
    for one, other in zip(before[1], begun()[1], strict=True):
        assert np.array_equal(one, other)


def test_plan_follows_from_the_sizes() -> None:
    plan = Settings(sizes=parse_sizes("160x2, 224x1"), head_epochs=1).plan
    assert [(epoch.phase, epoch.size) for epoch in plan] == [("head", 160), ("body", 160), ("body", 160), ("body", 224)]


@pytest.mark.parametrize("text", ["224", "100x3", "0x3", "224x0", "", "224x3;160x2"])
def test_sizes_that_make_no_sense_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="SIZExEPOCHS"):
        parse_sizes(text)


def test_window_is_rows_and_columns_of_what_is_seen() -> None:
    assert (parse_window(""), parse_window(" 192x384")) == (None, (192, 384))
    settings = Settings(seen=416, sizes=((416, 2),), window=(192, 384))
    assert settings.as_dict()["window"] == [192, 384]


@pytest.mark.parametrize("text", ["192", "100x384", "0x384", "192x384x3"])
def test_windows_that_make_no_sense_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="ROWSxCOLUMNS"):
        parse_window(text)


@pytest.mark.parametrize("wrong", [{"seen": 224}, {"sizes": ((224, 1),)}, {"window": (192, 448)}])
def test_window_has_to_fit_into_what_every_epoch_shows(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="window"):
        Settings(**{"seen": 416, "sizes": ((416, 1),), "window": (192, 384)} | wrong)


def test_average_of_constant_weights_is_those_weights() -> None:
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    average = Average(model, 0.9)
    model.set_weights([np.full((2, 1), 3.0), np.full(1, 5.0)])
    for _ in range(200):
        average.update(model)
    assert average.values[0] == pytest.approx(3.0, abs=1e-3)
    assert average.values[1] == pytest.approx(5.0, abs=1e-3)


@pytest.mark.parametrize("steps", [1, 3, 4, 6])
def test_average_follows_every_step_also_of_an_epoch_that_has_few(steps: int) -> None:
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(0.1), "mse")
    average = Average(model, 0.9)
    begun = average.values[0].copy()
    model.fit(np.ones((steps, 1)), np.full((steps, 1), 9.0), batch_size=1, verbose=0, callbacks=[_Averaging(average)])
    assert average.updates == steps
    assert (average.values[0] > begun).all()


def test_state_comes_back_whole(tmp_path: Path) -> None:
    def fresh() -> tuple[keras.Model, Average]:
        model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3), keras.layers.Dropout(0.5)])
        model.compile(keras.optimizers.AdamW(0.01), "mse")
        model.optimizer.build(model.trainable_variables)
        return model, Average(model, 0.9)

    pixels, wanted = np.ones((4, 2)), np.zeros((4, 3))
    model, average = fresh()
    model.train_on_batch(pixels, wanted)
    average.update(model)
    checkpoint.save(tmp_path / "state.npz", model, average, {"phase": "body"})
    keras.utils.set_random_seed(
        5
    )  # as `fit` does before each epoch, for backends whose dropout has no state of its own
    model.train_on_batch(pixels, wanted)
    other, others_average = fresh()
    checkpoint.restore(tmp_path / "state.npz", other, others_average)
    keras.utils.set_random_seed(5)
    other.train_on_batch(pixels, wanted)
    assert checkpoint.progress(tmp_path / "state.npz") == {"phase": "body", "updates": 1}
    assert all(map(np.array_equal, model.get_weights(), other.get_weights()))
    assert all(map(np.array_equal, average.values, others_average.values))
    assert checkpoint.progress(tmp_path / "none.npz") is None


def command(knees: Path, out: Path, *more: str) -> list[str]:
    return ["fit", "--data", f"equalized:{knees}", "--out", str(out), "--batch", "10", "--seed", "3", *more]


def test_run_keeps_what_it_was_made_of(knees: Path, tmp_path: Path) -> None:
    """The plain baseline, since it is the quickest to build."""
    out = tmp_path / "run"
    arguments = command(knees, out, "--network", "cnn", "--sizes", "224x2", "--head-epochs", "0")
    done = CliRunner(env={"COLUMNS": "300"}).invoke(app, arguments)
    assert done.exit_code == 0, done.output
    run = json.loads((out / "run.json").read_text())
    assert run["settings"]["network"] == "cnn"
    assert run["data"]["counts"]["train"] == [6] * 5
    assert {"python", "keras", "backend"} <= set(run["versions"])
    assert run["best"]["epoch"] in (0, 1)
    with (out / "epochs.csv").open(newline="") as file:
        assert [row["epoch"] for row in csv.DictReader(file)] == ["0", "1"]
    assert cv2.imread(str(out / "curves.png")) is not None
    assert networks.load(out / "best.keras").output_shape == (None, 5)
    again = CliRunner(env={"COLUMNS": "300"}).invoke(app, arguments)
    assert (again.exit_code, "give --resume" in again.output) == (2, True)
    other = CliRunner(env={"COLUMNS": "300"}).invoke(app, [*arguments, "--resume", "--rate", "0.1"])
    assert (other.exit_code, "another rate" in other.output) == (2, True)


def test_run_that_equalises_after_augmentation_is_resumed_as_that(knees: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    common = ("--network", "cnn", "--sizes", "224x1", "--head-epochs", "0")
    raw = ["--data", f"raw:{knees}", "--out", str(out), "--batch", "10", "--seed", "3", *common]
    done = CliRunner(env={"COLUMNS": "300"}).invoke(app, ["fit", *raw, "--equalize", "after"])
    assert done.exit_code == 0, done.output
    assert json.loads((out / "run.json").read_text())["settings"]["equalize"] == "after"
    other = CliRunner(env={"COLUMNS": "300"}).invoke(app, ["fit", *raw, "--resume"])
    assert (other.exit_code, "another equalize" in other.output) == (2, True)
    wrong = CliRunner(env={"COLUMNS": "300"}).invoke(app, ["fit", *raw, "--resume", "--equalize", "never"])
    assert (wrong.exit_code, "before, after" in wrong.output) == (2, True)


@pytest.mark.parametrize("equalize", ["before", "after"])
def test_levelled_crops_are_learnt_and_judged_and_hardly_turned(knees: Path, tmp_path: Path, equalize: str) -> None:
    dataset = collect([Source.parse(f"raw:{knees}")])
    plain, level = (
        Fitting(
            Settings(network="cnn", head_epochs=0, sizes=((224, 1),), equalize=equalize, levelled=is_levelled),
            dataset, tmp_path, Console(quiet=True),
        )
        for is_levelled in (False, True)
    )  # fmt: skip
    assert np.array_equal(level._augmented[0], levelled(plain._augmented[0]))
    assert not np.array_equal(level._augmented[0], plain._augmented[0])
    assert np.array_equal(level._pictures["val"], levelled(plain._pictures["val"]))
    assert (plain._how.rotation, level._how.rotation) == (12, MOST_TURNED)


def test_run_folder_of_other_data_is_not_resumed(tmp_path: Path) -> None:
    def data(grade: int) -> Dataset:
        return Dataset((Item(Path("a.png"), grade, "a", Preparation.RAW, "train", "d"),))

    runfile.open_run(tmp_path / "run", Settings(), data(1), resume=False)
    runfile.open_run(tmp_path / "run", Settings(), data(1), resume=True)
    with pytest.raises(ValueError, match="another data"):
        runfile.open_run(tmp_path / "run", Settings(), data(2), resume=True)


def test_without_data_the_fault_is_named(tmp_path: Path) -> None:
    done = CliRunner(env={"COLUMNS": "300"}).invoke(app, ["fit", "--out", str(tmp_path / "run")])
    assert done.exit_code == 2
    assert "--data FOLDER" in done.output


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_killed_run_ends_as_an_unbroken_one(knees: Path, tmp_path: Path) -> None:
    """Killed without warning after its first epoch and resumed, a run ends with the very same weights and figures.

    The saved state alone says where to go on: what the net that both began from holds by then is nothing to it.
    """
    start = tmp_path / "start.keras"
    networks.build("cnn", size=224).save(start)

    def started(name: str, *extra: str) -> subprocess.Popen[bytes]:
        more = ("--network", "cnn", "--start", str(start), "--sizes", "224x3", "--head-epochs", "1", *extra)
        return subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", "training", *command(knees, tmp_path / name, *more)],
            cwd=ROOT,
            env=os.environ | {"OMP_NUM_THREADS": "1", "TF_DETERMINISTIC_OPS": "1"},
        )

    with started("whole") as whole:
        assert whole.wait() == 0
    with started("broken") as broken:
        while not (tmp_path / "broken/state.npz").exists():
            assert broken.poll() is None
            time.sleep(0.02)
        broken.send_signal(signal.SIGKILL)
    before = checkpoint.progress(tmp_path / "broken/state.npz")
    assert before is not None
    assert len(before["rows"]) < 4
    networks.build("cnn", size=224).save(start)
    with started("broken", "--resume") as resumed:
        assert resumed.wait() == 0

    ends = [checkpoint.progress(tmp_path / name / "state.npz") for name in ("whole", "broken")]
    for end in ends:
        assert end is not None
        for row in end["rows"]:
            row.pop("seconds")
    assert ends[0] == ends[1]
    with np.load(tmp_path / "whole/state.npz") as one, np.load(tmp_path / "broken/state.npz") as other:
        assert one.files == other.files
        for name in one.files:
            if name != "progress":
                assert np.array_equal(one[name], other[name]), name
