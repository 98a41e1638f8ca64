"""A release made of a real conversion: what it holds, that it agrees with Keras, and that a bad one is refused."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter
from tensorflow.lite.python.schema_py_generated import TensorType
from tensorflow.lite.tools import flatbuffer_utils

from koa_worker.knee.grading.explain import Head
from koa_worker.knee.grading.grade import Grader, combine
from koa_worker.knee.grading.release import Release
from training.data.crops import Crop, as_input
from training.network import networks
from training.network.litert import halve, shift
from training.network.to_litert import Precision, as_npz, convert, halved, split
from training.releasing import card
from training.releasing.export import Deviation, ExportFailed, Plan, Training, add_metrics, export, spread

# TensorFlow and Keras warn of NumPy's and their own changes, in ways that differ by release.
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
]


@pytest.fixture(scope="module")
def single(tiny_net: Path) -> tuple[bytes, Head]:
    """The tiny net as an exact member."""
    return convert(networks.load(tiny_net), Precision.FLOAT32)


def test_the_worker_accepts_the_release(release: Path, crops: list[Crop]):
    opened = Release.open(release)
    assert opened.manifest.label == "tiny-v3"
    assert len(opened.manifest.members) == 1
    grade, maps = Grader.load(release).grade(crops[0].picture)
    assert grade.model == "tiny-v3"
    assert sum(grade.probabilities) == pytest.approx(1)
    assert len(maps) == 2  # plain and mirrored
    assert maps[0].features.shape == (7, 7, 1280)


def test_the_manifest_names_the_bytes_that_lie_beside_it(release: Path):
    members = json.loads((release / "manifest.json").read_text())["members"]
    for member in members:
        for file, digest in (("file", "sha256"), ("head", "head_sha256")):
            assert hashlib.sha256((release / member[file]).read_bytes()).hexdigest() == member[digest]
    assert sorted(path.name for path in release.iterdir()) == sorted(
        ["MODEL_CARD.md", "gate.npz", "manifest.json", *(m["file"] for m in members), *(m["head"] for m in members)]
    )


def test_members_say_what_keras_says(release: Path, tiny_net: Path, crops: list[Crop]):
    logits = np.asarray(networks.load(tiny_net).predict(as_input(crops), verbose=0))
    added = json.loads((release / "manifest.json").read_text())["trained"]["logit_bias"]["added"]
    expected = combine((logits + np.array(added))[:, None], 1.0)
    assert max(map(abs, added)) > 0.01
    grader = Grader.load(release)
    said = np.stack([combine(grader.look(crop.picture)[0][:1], 1.0) for crop in crops])
    assert np.abs(said - expected).max() < 1e-3
    assert len(set(expected.argmax(axis=1))) >= 3  # the net does tell these crops apart


def test_the_head_beside_a_member_gives_its_logits(release: Path, crops: list[Crop]):
    logits, maps = Grader.load(release).look(crops[3].picture)
    for one, expected in zip(maps, logits, strict=True):
        assert one.head.logits(one.features) == pytest.approx(expected, abs=1e-4)


def test_halves_are_smaller_and_nearer_than_the_converters_own(single: tuple[bytes, Head], crops: list[Crop]):
    net, head = single
    half = halve(net, as_input(crops[:4]))
    assert len(half) < 0.7 * len(net)
    exact = answers(net, crops)
    assert 0 < np.abs(answers(half, crops) - exact).max() < 0.25 * np.abs(answers(rounded(net), crops) - exact).max()
    read = Head.from_npz(as_npz(halved(head)))
    assert len(as_npz(halved(head))) < 0.62 * len(as_npz(head))
    assert read.w1 == pytest.approx(head.w1, rel=1e-3, abs=1e-6)
    assert np.array_equal(read.w2, head.w2)


def answers(net: bytes, crops: list[Crop]) -> np.ndarray:
    """The logits of a LiteRT net."""
    interpreter = Interpreter(model_content=net, num_threads=1)
    interpreter.allocate_tensors()
    image = interpreter.get_input_details()[0]["index"]
    logits = next(o["index"] for o in interpreter.get_output_details() if tuple(o["shape"]) == (1, 5))
    said = []
    for one in as_input(crops[::3]):
        interpreter.set_tensor(image, one[None])
        interpreter.invoke()
        said.append(interpreter.get_tensor(logits)[0])
    return np.stack(said)


def rounded(net: bytes) -> bytes:
    """Every weight and bias rounded to half precision, as the converter would have it."""
    model = flatbuffer_utils.convert_bytearray_to_object(bytearray(net))
    for tensor in model.subgraphs[0].tensors:
        buffer = model.buffers[tensor.buffer]
        if tensor.type == TensorType.FLOAT32 and buffer.data is not None:
            values = np.frombuffer(np.asarray(buffer.data, np.uint8).tobytes(), "<f4").astype("<f2").astype("<f4")
            buffer.data = np.frombuffer(values.tobytes(), np.uint8)
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))


def test_a_shift_moves_the_logits_and_nothing_else(single: tuple[bytes, Head], crops: list[Crop]):
    by = np.array([0.5, -1.0, 0.0, 0.25, 2.0])
    assert answers(shift(single[0], by), crops) - answers(single[0], crops) == pytest.approx(
        np.broadcast_to(by, (10, 5)), abs=1e-4
    )


def test_int8_is_much_smaller(tiny_net: Path, single: tuple[bytes, Head], crops: list[Crop]):
    whole, _ = convert(networks.load(tiny_net), Precision.INT8, as_input(crops[:2]))
    assert len(whole) < 0.45 * len(single[0])


def test_fitted_precisions_need_samples(tiny_net: Path):
    with pytest.raises(ValueError, match="sample crops"):
        convert(networks.load(tiny_net), Precision.INT8)


def test_a_net_with_another_head_is_refused():
    with pytest.raises(ValueError, match="does not end in GAP"):
        split(networks.build("cnn"))


@pytest.mark.parametrize(
    ("precision", "agreement", "holds"),
    [
        (Precision.FLOAT16, Deviation(200, 0.9e-3, 1e-4, 1.0), True),
        (Precision.FLOAT16, Deviation(200, 1.1e-3, 1e-4, 1.0), False),
        (Precision.INT8, Deviation(200, 0.2, 1e-2, 0.98), True),
        (Precision.INT8, Deviation(200, 1e-4, 1e-5, 0.975), False),
    ],
)
def test_what_counts_as_agreeing(precision: Precision, agreement: Deviation, holds: bool):
    assert agreement.holds(precision) is holds


def test_a_member_that_disagrees_leaves_the_old_release_as_it_was(
    tmp_path: Path,
    tiny_net: Path,
    single: tuple[bytes, Head],
    crops: list[Crop],
    monkeypatch: pytest.MonkeyPatch,
):
    folder = tmp_path / "tiny-v1"
    folder.mkdir()
    (folder / "manifest.json").write_text("the old one")
    net, head = single
    altered = Head(head.w1, head.b1, head.w2, head.b2 + np.float32(1))
    monkeypatch.setattr("training.releasing.export.convert", lambda *_: (rounded(net), altered))
    with pytest.raises(ExportFailed, match=r"from Keras.*is demanded$"):
        export(Plan((tiny_net,), folder, Precision.FLOAT32), crops, Training(), lambda _: None)
    with pytest.raises(ExportFailed, match="--precision float32 keeps"):
        export(Plan((tiny_net,), folder, Precision.FLOAT16), crops, Training(), lambda _: None)
    assert [path.name for path in tmp_path.iterdir()] == ["tiny-v1"]
    assert (folder / "manifest.json").read_text() == "the old one"


def test_the_card_says_what_the_manifest_says(release: Path):
    manifest = json.loads((release / "manifest.json").read_text())
    written = (release / "MODEL_CARD.md").read_text()
    for phrase in ("Research use only", "CC BY 4.0", "10.17632/56rmx5bjcr.1", "Intended use", "Known failures"):
        assert phrase in written
    assert f"{manifest['metrics']['validation']['accuracy']['value']:.3f}" in written
    assert f"Temperature {manifest['temperature']}" in written


def test_the_card_says_which_member_sees_a_part_alone(release: Path):
    manifest = json.loads((release / "manifest.json").read_text())
    (member,) = manifest["members"]
    assert member["sees"] == [0, 0, 1, 1]
    assert "sees its middle" not in card.write(manifest)
    band = card.write(manifest | {"members": [member, member | {"sees": [0.25, 0.05, 0.75, 0.95]}]})
    assert "Member 2 sees its middle 90% × 50% (width × height) alone.\n" in band


def test_more_measurements_go_into_manifest_and_card(release: Path, tmp_path: Path):
    copy = tmp_path / release.name
    copy.mkdir()
    for path in release.iterdir():
        (copy / path.name).write_bytes(path.read_bytes())
    add_metrics(copy, {"occlusion": {"knees": 9, "hottest": 0.3, "random": 0.1, "ratio": 3.0}})
    assert "3.00 times as much (9 validation knees)" in " ".join((copy / "MODEL_CARD.md").read_text().split())
    assert Release.open(copy).manifest.metrics["occlusion"]["knees"] == 9


def test_spread_takes_from_the_whole_list(crops: list[Crop]):
    taken = spread(crops, 5)
    assert [crop.kl for crop in taken] == [0, 1, 2, 3, 4]
    assert len(spread(crops, 200)) == len(crops)


def test_a_release_says_what_a_knee_costs_in_plain_looks(release: Path):
    cost = json.loads((release / "manifest.json").read_text())["metrics"]["cost"]
    assert cost["allowed"] == 4.0
    assert 0 < cost["looks"] < 2  # two looks of a net a third as wide
    assert f"costs {cost['looks']:.1f} looks" in (release / "MODEL_CARD.md").read_text()
    assert cost["seen_again"] == 0  # its grade's views are the gate's


def test_the_price_of_one_look_counts_the_gates_second_ones(tmp_path: Path, release: Path, crops: list[Crop]):
    folder = tmp_path / "next-v4"
    plan = Plan((release / "member1.tflite",), folder, Precision.FLOAT32, views=("plain",))
    export(plan, crops, Training(crops), lambda _: None)
    spent = json.loads((folder / "manifest.json").read_text())["metrics"]["cost"]
    grader = Grader.load(folder)
    again = [not grader.is_familiar_at_once(grader.look(crop.picture)[1]) for crop in crops]
    assert any(again)
    assert Release.open(folder).manifest.gate_views == ("plain", "mirrored")
    assert spent["seen_again"] == pytest.approx(np.mean(again), abs=1e-4)
    assert spent["again"] > spent["grade"]  # two looks and one
    assert spent["looks"] == pytest.approx(spent["grade"] + np.mean(again) * spent["again"], abs=0.01)


def test_the_card_says_what_the_second_looks_of_the_gate_cost(release: Path):
    manifest = json.loads((release / "manifest.json").read_text())
    spent = {"looks": 3.1, "grade": 2.5, "again": 3.0, "seen_again": 0.2, "allowed": 4.0}
    written = card.write(manifest | {"metrics": manifest["metrics"] | {"cost": spent}})
    assert "2.5 for its grade, and 3.0 more for the knees that are not familiar at once (20% of" in written


def test_a_release_that_costs_more_than_allowed_is_refused(tmp_path: Path, release: Path, crops: list[Crop]):
    plan = Plan((release / "member1.tflite",), tmp_path / "dear-v1", Precision.FLOAT32, most_looks=0.01)
    with pytest.raises(ExportFailed, match="looks"):
        export(plan, crops, Training(), lambda _: None)
    assert not list(tmp_path.iterdir())


def test_a_member_of_a_release_is_taken_over_bit_for_bit(tmp_path: Path, release: Path, crops: list[Crop]):
    folder = tmp_path / "next-v4"
    plan = Plan((release / "member1.tflite",), folder, Precision.FLOAT32, views=("plain",))
    export(plan, crops, Training(), lambda _: None)
    for name in ("member1.tflite", "head1.npz"):
        assert (folder / name).read_bytes() == (release / name).read_bytes()
    manifest = Release.open(folder).manifest
    assert manifest.trained["runs"][0]["from"] == "tiny-v3, member 1"
    assert "taken over bit for bit from tiny-v3" in (folder / "MODEL_CARD.md").read_text()
    grade, maps = Grader.load(folder).grade(crops[0].picture)
    assert (grade.agreement, len(maps)) == (None, 1)  # one look: nothing to agree with, and a heatmap all the same


def test_what_is_no_member_is_not_taken_over(tmp_path: Path, release: Path, crops: list[Crop]):
    for name, precision in (("head1.tflite", Precision.FLOAT32), ("member1.tflite", Precision.FLOAT16)):
        with pytest.raises(ExportFailed, match="no member"):
            export(Plan((release / name,), tmp_path / "next-v4", precision), crops, Training(), lambda _: None)
