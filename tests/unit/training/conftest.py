"""A tiny net and a folder of drawn crops, from which the tests make real releases."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from koa_worker.synthetic import crop, random_knee
from koa_worker.synthetic.write import write_png
from koa_worker.values import Side
from training.data.crops import Crop, as_input, read_crops

PER_GRADE = 6


@pytest.fixture(scope="session")
def crop_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """0 … 4, each with drawn raw crops of both knees of three people."""
    folder = tmp_path_factory.mktemp("crops")
    rng = np.random.default_rng(5)
    for kl in range(5):
        (folder / str(kl)).mkdir()
        for number in range(PER_GRADE):
            side = Side.RIGHT if number % 2 else Side.LEFT
            plate = crop(random_knee(rng, side, severity=kl), seed=100 * kl + number)
            write_png(folder / str(kl) / f"9{kl}{number // 2:05d}{side.value[0].upper()}.png", plate)
    return folder


@pytest.fixture(scope="session")
def crops(crop_folder: Path) -> list[Crop]:
    return read_crops(crop_folder, equalized=False)


@pytest.fixture(scope="session")
def tiny_net(tmp_path_factory: pytest.TempPathFactory, crops: Sequence[Crop]) -> Path:
    """The thinnest MobileNetV2, untrained, whose head spreads these crops over all grades."""
    import keras  # noqa: PLC0415 - takes seconds, and most tests need no net

    keras.utils.set_random_seed(2)
    body = keras.applications.MobileNetV2(include_top=False, weights=None, input_shape=(224, 224, 3), alpha=0.35)
    for layer in body.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.0
    body(as_input(crops), training=True)  # so that it measures its statistics on these very crops
    inputs = keras.Input((224, 224, 3))
    pooled = keras.layers.GlobalAveragePooling2D(name="gap")(body(inputs))
    hidden = keras.layers.Dense(128, activation="relu", name="hidden")(pooled)
    net = keras.Model(inputs, keras.layers.Dense(5, name="grade")(keras.layers.Dropout(0.3)(hidden)))
    logits = np.asarray(net.predict(as_input(crops), verbose=0))
    layer = net.get_layer("grade")
    kernel, bias = layer.get_weights()
    gain = 1.5 / logits.std(axis=0)
    layer.set_weights([kernel * gain, (bias - logits.mean(axis=0)) * gain])
    path = tmp_path_factory.mktemp("net") / "tiny.keras"
    net.save(path)
    return path


@pytest.fixture(scope="session")
def release(tmp_path_factory: pytest.TempPathFactory, tiny_net: Path, crops: list[Crop]) -> Path:
    """A release of one member: exact, since an untrained net has no margin for roundings."""
    from training.network.to_litert import Precision  # noqa: PLC0415
    from training.releasing.export import Plan, Training, export  # noqa: PLC0415

    folder = tmp_path_factory.mktemp("models") / "tiny-v3"
    export(Plan((tiny_net,), folder, Precision.FLOAT32, prior=0.5), crops[:-4], Training(crops), lambda _: None)
    return folder
