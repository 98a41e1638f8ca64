"""The networks: shapes, names, the last feature map, freezing, saving, and one result in every layout."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

keras = pytest.importorskip("keras")

import cv2  # noqa: E402 - Keras decides first whether this file runs
import numpy as np  # noqa: E402

from training.fitting.batches import middle, scale  # noqa: E402
from training.network import networks  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore")  # TensorFlow's own import warns in ways that differ by release


@pytest.fixture(scope="module")
def small() -> keras.Model:
    keras.utils.set_random_seed(0)
    return networks.build("mobilenetv2", size=64)


@pytest.fixture
def pixels() -> np.ndarray:
    return np.random.default_rng(0).uniform(-1, 1, (2, 64, 64, 3)).astype(np.float32)


def test_head_is_the_one_that_the_worker_explains(small: keras.Model) -> None:
    assert small.output_shape == (None, 5)
    assert small.get_layer("gap").input.shape == (None, 2, 2, 1280)
    assert [small.get_layer(name).kernel.shape for name in ("hidden", "grade")] == [(1280, 128), (128, 5)]
    assert small.get_layer("hidden").activation is keras.activations.relu


def test_saved_network_says_the_same(small: keras.Model, pixels: np.ndarray, tmp_path: Path) -> None:
    small.save(tmp_path / "net.keras")
    loaded = networks.load(tmp_path / "net.keras")
    assert np.array_equal(loaded.predict_on_batch(pixels), small.predict_on_batch(pixels))
    two = keras.Model(loaded.input, [loaded.output, loaded.get_layer("gap").input])
    assert [tuple(part.shape) for part in two.predict_on_batch(pixels)] == [(2, 5), (2, 2, 2, 1280)]


def test_weights_move_between_sizes(small: keras.Model, pixels: np.ndarray) -> None:
    free = networks.build("mobilenetv2", size=None, fast=True)
    free.set_weights(small.get_weights())
    np.testing.assert_allclose(free.predict_on_batch(pixels), small.predict_on_batch(pixels), atol=1e-4)


def test_network_enlarges_what_it_is_given(small: keras.Model, pixels: np.ndarray, tmp_path: Path) -> None:
    enlarging = networks.build("mobilenetv2", size=64, seen=96)
    enlarging.set_weights(small.get_weights())
    assert enlarging.get_layer("gap").input.shape == (None, 3, 3, 1280)
    larger = np.stack([cv2.resize(picture, (96, 96), interpolation=cv2.INTER_LINEAR) for picture in pixels])
    free = networks.build("mobilenetv2", size=None)
    free.set_weights(small.get_weights())
    said = enlarging.predict_on_batch(pixels)
    np.testing.assert_allclose(said, free.predict_on_batch(larger), atol=1e-5)
    enlarging.save(tmp_path / "net.keras")
    assert np.array_equal(networks.load(tmp_path / "net.keras").predict_on_batch(pixels), said)


def test_network_looks_at_the_middle_of_what_it_enlarges(small: keras.Model, tmp_path: Path) -> None:
    looking = networks.build("mobilenetv2", size=64, seen=128, window=(64, 96))
    looking.set_weights(small.get_weights())
    assert looking.get_layer("gap").input.shape == (None, 2, 3, 1280)
    assert networks.sees(looking) == (0.25, 0.125, 0.75, 0.875)
    assert networks.sees(small) == (0, 0, 1, 1)
    pictures = np.random.default_rng(1).integers(0, 256, (2, 64, 64), np.uint8)
    said = looking.predict_on_batch(scale(pictures))
    beyond = pictures.copy()
    beyond[:, :14], beyond[:, -14:], beyond[..., :6], beyond[..., -6:] = 0, 255, 255, 0
    np.testing.assert_allclose(looking.predict_on_batch(scale(beyond)), said, atol=1e-5)
    free = networks.build("mobilenetv2", size=None, fast=True)
    free.set_weights(small.get_weights())
    larger = np.stack([cv2.resize(picture, (128, 128), interpolation=cv2.INTER_LINEAR) for picture in pictures])
    np.testing.assert_allclose(free.predict_on_batch(scale(middle(larger, (64, 96)))), said, atol=0.02)  # whole grays
    looking.save(tmp_path / "net.keras")
    assert networks.sees(networks.load(tmp_path / "net.keras")) == (0.25, 0.125, 0.75, 0.875)


def test_freezing_leaves_lower_layers_as_they_are(small: keras.Model) -> None:
    everything = len(small.trainable_weights)
    networks.freeze(small, "block_4")
    upper = len(small.trainable_weights)
    assert not small.get_layer("backbone").get_layer("block_3_project").trainable
    assert small.get_layer("backbone").get_layer("block_4_expand").trainable
    networks.freeze(small, "gap")
    assert len(small.trainable_weights) == 4
    networks.freeze(small, "")
    assert len(small.trainable_weights) == everything > upper > 4
    with pytest.raises(ValueError, match="no layer of the backbone"):
        networks.freeze(small, "block_99")


def test_plain_baseline_flattens() -> None:
    model = networks.build("cnn", size=64)
    assert model.output_shape == (None, 5)
    assert {type(layer).__name__ for layer in model.layers} >= {"Conv2D", "MaxPooling2D", "Flatten", "Dense"}


def test_unknown_network_names_the_known_ones() -> None:
    with pytest.raises(ValueError, match="cnn, mobilenetv2"):
        networks.build("resnet")


def test_torch_layout_gives_what_the_plain_layout_gives() -> None:
    """In its own process, for a backend is chosen once; training statistics must agree too, not only prediction."""
    pytest.importorskip("torch")
    program = (
        "import numpy as np, keras\n"
        "from training.network import networks\n"
        "x = np.random.default_rng(0).uniform(-1, 1, (8, 64, 64, 3)).astype('float32')\n"
        "plain, fast = networks.build('mobilenetv2', size=64), networks.build('mobilenetv2', size=64, fast=True)\n"
        "fast.set_weights(plain.get_weights())\n"
        "for training in (False, True, False):\n"
        "    nets = [keras.Model(m.input, m.get_layer('gap').input) for m in (plain, fast)]\n"
        "    one, other = (net(x, training=training) for net in nets)\n"
        "    one, other = map(keras.ops.convert_to_numpy, (one, other))\n"
        "    assert one.shape == (8, 2, 2, 1280)\n"
        "    np.testing.assert_allclose(one, other, atol=2e-2)\n"
    )
    root = Path(__file__).resolve().parents[4]
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program],
        env=os.environ | {"KERAS_BACKEND": "torch"},
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
