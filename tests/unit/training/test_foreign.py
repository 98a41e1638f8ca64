"""Nets of other projects, as Keras saves them: every command says what a release is and how one is made."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

keras = pytest.importorskip("keras")

from koa_worker.errors import SetupError  # noqa: E402 - Keras decides first whether this file runs
from koa_worker.synthetic import KneeSpec, crop  # noqa: E402
from koa_worker.synthetic.write import write_png  # noqa: E402
from koa_worker.values import Side  # noqa: E402
from training.__main__ import app  # noqa: E402
from training.network import networks  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore")  # TensorFlow's own import warns in ways that differ by release

ROOT = Path(__file__).resolve().parents[3]
FILES = ("model.h5", "model.keras", "own-names.keras", "notes.keras", "other.zip.keras")
FOLDERS = ("saved_model", "page")


@pytest.fixture(scope="module")
def foreign(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of what is no release, first of all a student's net in both of Keras' formats."""
    folder = tmp_path_factory.mktemp("foreign")
    backbone = keras.applications.MobileNetV2(include_top=False, weights=None, input_shape=(224, 224, 3), pooling="avg")
    student = keras.Sequential([backbone, keras.layers.Dense(5, activation="softmax")])
    student.save(folder / "model.h5")
    student.save(folder / "model.keras")
    student.export(folder / "saved_model", verbose=False)
    inputs = keras.Input((224, 224, 3))
    pooled = keras.layers.GlobalAveragePooling2D(name="gap")(inputs)
    hidden = keras.layers.Dense(8, activation="relu", name="hidden")(pooled)
    named = keras.Model(inputs, keras.layers.Dense(5, activation="softmax", name="grade")(hidden))
    named.save(folder / "own-names.keras")  # shaped and named as ours are, but it answers in probabilities
    (folder / "notes.keras").write_text("see the other folder")
    with zipfile.ZipFile(folder / "other.zip.keras", "w") as archive:
        archive.writestr("readme.txt", "no net")
    (folder / "page").mkdir()
    (folder / "page/manifest.json").write_text('{"name": "a page", "icons": []}')
    return folder


def assert_told(code: int | None, told: str) -> None:
    assert code == 2, told
    assert "Traceback" not in told
    assert told.count("\n") == 1
    assert "a folder with manifest.json and the LiteRT models" in told
    assert "koa-train fit --start" in told
    assert "koa-train export" in told


def call(*words: object) -> Result:
    return CliRunner(env={"COLUMNS": "400"}).invoke(app, list(map(str, words)))


@pytest.mark.parametrize("name", [*FILES, *FOLDERS])
def test_export_makes_no_release_of_it(foreign: Path, crop_folder: Path, tmp_path: Path, name: str) -> None:
    done = call("export", foreign / name, "--data", crop_folder, "--out", tmp_path / "mine-v1")
    assert_told(done.exit_code, done.stderr)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", [*FILES, *FOLDERS])
@pytest.mark.parametrize("command", ["evaluate", "robustness", "occlusion", "card"])
def test_it_is_not_measured_as_a_release(foreign: Path, crop_folder: Path, command: str, name: str) -> None:
    done = call(command, "--model", foreign / name, "--data", crop_folder)
    assert_told(done.exit_code, done.stderr)


@pytest.mark.parametrize("name", [*FILES, *FOLDERS])
def test_it_is_not_compared(foreign: Path, crop_folder: Path, name: str) -> None:
    done = call("compare", foreign / name, "--data", crop_folder)
    assert_told(done.exit_code, done.stderr)


def test_a_net_that_is_not_there_is_called_so(tmp_path: Path) -> None:
    done = call("export", tmp_path / "best.keras", "--data", tmp_path, "--out", tmp_path / "mine-v1")
    assert done.exit_code == 2
    assert done.stderr == f"there is no net {tmp_path / 'best.keras'}\n"


@pytest.mark.parametrize("name", sorted(networks.NETWORKS))
def test_what_fit_saves_is_taken(tmp_path: Path, name: str) -> None:
    networks.build(name, size=64).save(tmp_path / "best.keras")
    assert networks.load_own(tmp_path / "best.keras").output_shape == (None, 5)


def test_an_own_net_that_was_cut_short_is_refused(tmp_path: Path, tiny_net: Path) -> None:
    whole = tiny_net.read_bytes()
    (tmp_path / "best.keras").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(SetupError, match="not a model release"):
        networks.load_own(tmp_path / "best.keras")


@pytest.mark.parametrize("name", ["model.h5", "model.keras", "saved_model"])  # to the worker, files are alike
@pytest.mark.parametrize("words", [("process", "knee.png"), ("run", "--once")])
def test_the_worker_does_not_start_with_it(foreign: Path, tmp_path: Path, words: tuple[str, ...], name: str) -> None:
    write_png(tmp_path / "knee.png", crop(KneeSpec(Side.RIGHT), seed=1))
    (tmp_path / "work/inbox").mkdir(parents=True)
    write_png(tmp_path / "work/inbox/knee.png", crop(KneeSpec(Side.RIGHT), seed=1))
    (tmp_path / "config.toml").write_text(f'[model]\npath = "{foreign / name}"\n')
    done = subprocess.run(
        [sys.executable, "-m", "koa_worker", *words],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    told = [line for line in done.stderr.splitlines() if line.startswith("koa-worker: ")]
    assert_told(done.returncode, "".join(line + "\n" for line in told))
    assert "Traceback" not in done.stderr
    assert (tmp_path / "work/inbox/knee.png").exists()
