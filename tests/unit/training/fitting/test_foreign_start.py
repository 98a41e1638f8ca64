"""`fit --start` with nets of other projects: their MobileNetV2 is taken over, or one sentence says why it is not."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner, Result

keras = pytest.importorskip("keras")

from training.__main__ import app  # noqa: E402
from training.fitting.initial_weights import begin, check  # noqa: E402
from training.fitting.settings import Settings  # noqa: E402
from training.network import networks  # noqa: E402 - Keras decides first whether this file runs

pytestmark = pytest.mark.filterwarnings("ignore")  # TensorFlow's own import warns in ways that differ by release

NO_PICTURES = np.zeros((0, 224, 224), np.uint8)


@keras.saving.register_keras_serializable("a student")
class OwnLayer(keras.layers.Layer):  # type: ignore[misc]
    def call(self, inputs: Any) -> Any:
        return inputs * 2


@pytest.fixture(scope="module")
def student(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a net as students' nets are: softmax over the five grades, on 224×224×3."""
    folder = tmp_path_factory.mktemp("student")
    backbone = keras.applications.MobileNetV2(include_top=False, weights=None, input_shape=(224, 224, 3), pooling="avg")
    answer = keras.layers.Dense(5, activation="softmax")
    nested = keras.Sequential([backbone, answer])
    nested.save(folder / "nested.keras")
    nested.save(folder / "nested.h5")
    keras.Model(backbone.input, answer(backbone.output)).save(folder / "flat.keras")
    return folder


@pytest.mark.parametrize("name", ["nested.keras", "nested.h5", "flat.keras"])
def test_a_students_mobilenet_is_the_start(student: Path, name: str) -> None:
    begun = begin(Settings(start=str(student / name)), NO_PICTURES)
    mine = networks.backbone_of(begun)
    assert mine is not None
    theirs = keras.models.load_model(student / name, compile=False).get_weights()
    for one, other in zip(mine.get_weights(), theirs[:-2], strict=True):
        assert np.array_equal(one, other)


def test_it_is_told_that_the_head_begins_untrained(student: Path) -> None:
    start = str(student / "nested.keras")
    assert check(start) == (
        f"{start} was not made by this fit's network: its MobileNetV2 is taken over, the head begins untrained"
    )


def test_a_net_of_fit_is_taken_whole(tmp_path: Path) -> None:
    theirs = networks.build("mobilenetv2")
    theirs.save(tmp_path / "best.keras")
    assert check(str(tmp_path / "best.keras")) == ""
    begun = begin(Settings(start=str(tmp_path / "best.keras")), NO_PICTURES)
    for one, other in zip(begun.get_weights(), theirs.get_weights(), strict=True):
        assert np.array_equal(one, other)


def small(*layers: Any) -> keras.Model:
    return keras.Sequential([keras.Input((224, 224, 3)), *layers, keras.layers.GlobalAveragePooling2D()])


def foreign(folder: Path, name: str) -> Path:
    """Something that calls itself a net."""
    path = folder / name
    if name == "other.keras":
        small(keras.layers.Conv2D(5, 3)).save(path)
    elif name == "other.weights.h5":
        small(keras.layers.Conv2D(5, 3)).save_weights(path)
    elif name == "half.keras":
        small(keras.layers.Conv2D(5, 3)).save(path)
        path.write_bytes(path.read_bytes()[:-100])
    elif name == "lambda.keras":
        small(keras.layers.Lambda(lambda values: values + 1)).save(path)
    elif name == "own-layer.keras":
        small(OwnLayer()).save(path)
        _rename_class(path)
    elif name == "archive.keras":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("readme.txt", "no net")
    else:
        path.write_text("see the other folder")
    return path


def _rename_class(path: Path) -> None:
    """As it is on a machine that does not know the class."""
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content.replace(b"OwnLayer", b"ElsewhereLayer"))


def fit(start: Path, crop_folder: Path, out: Path, *more: str) -> Result:
    words = ["fit", "--out", str(out), "--data", f"raw:{crop_folder}", "--start", str(start), *more]
    return CliRunner(env={"COLUMNS": "500"}).invoke(app, words)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("other.keras", "does not hold the 224×224×3 MobileNetV2 of width 1"),
        ("other.weights.h5", "does not hold the weights of MobileNetV2 of width 1 without its top"),
        ("own-layer.keras", "Keras cannot read the net in"),
        ("lambda.keras", "Keras cannot read the net in"),
        ("archive.keras", "Keras cannot read the net in"),
        ("half.keras", "is not a net as Keras 3 saves it"),
        ("notes.keras", "is not a net as Keras 3 saves it"),
        ("notes.h5", "is no HDF5 file"),
        ("notes.tflite", "is no LiteRT file"),
    ],
)
def test_what_cannot_be_taken_over_is_one_sentence_and_no_run(
    tmp_path: Path, crop_folder: Path, name: str, said: str
) -> None:
    done = fit(foreign(tmp_path, name), crop_folder, tmp_path / "run")
    assert done.exit_code == 2
    assert said in done.stderr
    assert "Traceback" not in done.output
    assert not (tmp_path / "run").exists()


def test_the_plain_cnn_begins_with_no_mobilenet(tmp_path: Path, crop_folder: Path) -> None:
    start = foreign(tmp_path, "other.keras")
    done = fit(start, crop_folder, tmp_path / "run", "--network", "cnn")
    assert done.exit_code == 2
    assert "does not hold the layers of network cnn" in done.stderr


def test_a_fit_from_a_students_net_runs(student: Path, crop_folder: Path, tmp_path: Path) -> None:
    words = ["--sizes", "32x1", "--head-epochs", "0", "--batch", "8", "--seen", "32"]
    done = fit(student / "nested.keras", crop_folder, tmp_path / "run", *words)
    assert done.exit_code == 0, done.output
    assert "its MobileNetV2 is taken over" in done.stdout
    assert networks.load_own(tmp_path / "run/best.keras").output_shape == (None, 5)
