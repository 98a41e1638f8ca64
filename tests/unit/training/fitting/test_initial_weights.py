"""The initial weights of a fit, above all a released member, which must answer and train like its network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter
from typer.testing import CliRunner

keras = pytest.importorskip("keras")

from koa_worker.knee.grading.release import Release  # noqa: E402 - Keras decides first whether this file runs
from training.__main__ import app  # noqa: E402
from training.data.crops import Crop  # noqa: E402
from training.fitting.adopt import adopt  # noqa: E402
from training.fitting.batches import Floats, scale  # noqa: E402
from training.fitting.initial_weights import begin, check  # noqa: E402
from training.fitting.settings import Settings  # noqa: E402
from training.network.litert import weights  # noqa: E402

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
]

MODELS = Path(__file__).parents[4] / "models"


@pytest.fixture(scope="module")
def released() -> tuple[Path, dict[str, Any]]:
    """The shipped release's last member, and what it was trained with."""
    (folder,) = (path for path in MODELS.iterdir() if path.is_dir())
    manifest = Release.open(folder).manifest
    return folder / manifest.members[-1].file, manifest.trained["runs"][-1]["settings"]


@pytest.fixture(scope="module")
def pictures(crops: list[Crop]) -> Any:
    return np.stack([crop.picture for crop in crops])[::4]


@pytest.fixture(scope="module")
def adopted(released: tuple[Path, dict[str, Any]], pictures: Any) -> keras.Model:
    member, settings = released
    window = tuple(settings["window"]) if settings["window"] else None
    return adopt(member, pictures, seen=settings["seen"], window=window)


def test_adopted_member_answers_as_it_does_at_work(
    released: tuple[Path, dict[str, Any]], adopted: keras.Model, pictures: Any
) -> None:
    shown = scale(pictures)
    assert np.asarray(adopted.predict(shown, verbose=0)) == pytest.approx(_logits(released[0], shown), abs=1e-3)


def test_adopted_statistics_are_those_of_the_pictures(adopted: keras.Model, pictures: Any) -> None:
    """Normalized by the batch instead of by what was measured, the very pictures measured give the same map."""
    backbone = adopted.get_layer("backbone")
    shown: Any = scale(pictures)
    for layer in adopted.layers[1 : adopted.layers.index(backbone)]:
        shown = layer(shown)
    before = backbone.get_weights()
    learning, working = (np.asarray(backbone(shown, training=training)) for training in (True, False))
    backbone.set_weights(before)
    assert np.abs(learning - working).max() < 0.05 * working.max()


def test_fit_begins_with_what_the_member_knows(
    released: tuple[Path, dict[str, Any]], adopted: keras.Model, pictures: Any
) -> None:
    member, settings = released
    window = tuple(settings["window"]) if settings["window"] else None
    sizes = ((settings["seen"], 1),)
    begun = begin(Settings(start=str(member), seen=settings["seen"], sizes=sizes, window=window), pictures)
    for mine, its in zip(begun.get_weights(), adopted.get_weights(), strict=True):
        assert np.array_equal(mine, its)


def test_member_of_another_net_is_refused(release: Path, pictures: Any) -> None:
    (member,) = release.glob("*.tflite")
    with pytest.raises(ValueError, match=r"Conv1 has .* weights"):
        adopt(member, pictures, seen=224, window=None)


def test_member_in_integers_is_refused(release: Path) -> None:
    from tensorflow.lite.python import schema_py_generated as schema  # noqa: PLC0415 - TensorFlow takes seconds
    from tensorflow.lite.tools import flatbuffer_utils  # noqa: PLC0415

    (member,) = release.glob("*.tflite")
    model = flatbuffer_utils.convert_bytearray_to_object(bytearray(member.read_bytes()))
    for tensor in model.subgraphs[0].tensors:
        tensor.type = schema.TensorType.INT8
    with pytest.raises(ValueError, match="integers"):
        weights(bytes(flatbuffer_utils.convert_object_to_bytearray(model)))


@pytest.mark.parametrize(("name", "said"), [("none.keras", "no file"), ("net.txt", "neither")])
def test_what_cannot_be_begun_from_is_refused_before_the_run_begins(tmp_path: Path, name: str, said: str) -> None:
    (tmp_path / "net.txt").touch()
    with pytest.raises((ValueError, FileNotFoundError), match=said):
        check(str(tmp_path / name))
    out = tmp_path / "run"
    asked = ["fit", "--out", str(out), "--data", str(tmp_path), "--start", str(tmp_path / name)]
    result = CliRunner().invoke(app, asked)
    assert result.exit_code == 2
    assert said in result.output
    assert not out.exists()


def _logits(member: Path, shown: Floats) -> Floats:
    interpreter = Interpreter(str(member))
    interpreter.allocate_tensors()
    outputs = [output["index"] for output in interpreter.get_output_details() if len(output["shape"]) == 2]
    answers = []
    for one in shown:
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], one[None])
        interpreter.invoke()
        answers.append(interpreter.get_tensor(outputs[0])[0].copy())
    return np.array(answers)
