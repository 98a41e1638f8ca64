"""One network in several runtimes, each in a process that loads nothing else, so that the figures are the runtime's.

`python -m bench.look build FOLDER` makes a plain MobileNetV2 (224×224) with a head and random weights, and converts it
for each runtime, `plain` only for LiteRT; `python -m bench.look time WAY FOLDER ROUNDS` times one pass for one knee.
The time does not depend on the weights.
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from bench.report import print_result

Look = Callable[[Any], Any]

SAVED, ONNX, LITERT, KERAS = "saved", "net.onnx", "net.tflite", "net.keras"


def build(folder: Path) -> None:
    net = build_plain(folder)
    picture = random_picture()
    expected = net(picture)[0].numpy()
    net.save(folder / KERAS)
    net.export(folder / ONNX, format="onnx", verbose=False)
    for way, load in LOADERS.items():
        difference = float(np.abs(load(folder)(picture) - expected).max())
        assert difference < 1e-3, f"{way} differs by {difference}: it is not the same net"


def build_plain(folder: Path) -> Any:
    """The net, as a SavedModel and for LiteRT."""
    import keras
    import tensorflow as tf

    trunk = keras.applications.MobileNetV2(include_top=False, weights=None, input_shape=(224, 224, 3))
    pooled = keras.layers.GlobalAveragePooling2D()(trunk.output)
    hidden = keras.layers.Dense(128, activation="relu")(pooled)
    net = keras.Model(trunk.input, [keras.layers.Dense(5)(hidden), trunk.output])
    net.export(folder / SAVED, verbose=False)
    converter = tf.lite.TFLiteConverter.from_saved_model(str(folder / SAVED))
    (folder / LITERT).write_bytes(converter.convert())
    return net


def load_litert(path: Path) -> Look:
    from ai_edge_litert.interpreter import Interpreter

    net = Interpreter(model_content=path.read_bytes(), num_threads=1)
    net.allocate_tensors()
    image = net.get_input_details()[0]["index"]
    logits = next(out["index"] for out in net.get_output_details() if out["shape"][-1] == 5)

    def look(picture: Any) -> Any:
        net.set_tensor(image, picture)
        net.invoke()
        return net.get_tensor(logits)

    return look


def _load_onnx(folder: Path) -> Look:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    net = onnxruntime.InferenceSession(folder / ONNX, options, providers=["CPUExecutionProvider"])
    name = net.get_inputs()[0].name
    return lambda picture: net.run(None, {name: picture})[0]


def _load_saved(folder: Path) -> Look:
    import tensorflow as tf

    if sys.argv[1] == "time":  # when it is built, TensorFlow has started already
        tf.config.threading.set_intra_op_parallelism_threads(1)
        tf.config.threading.set_inter_op_parallelism_threads(1)
    net = tf.saved_model.load(str(folder / SAVED))
    return lambda picture: net.serve(tf.constant(picture))[0].numpy()


def _load_keras(folder: Path) -> Look:
    import keras

    net = keras.models.load_model(folder / KERAS, compile=False)
    return lambda picture: net.predict(picture, verbose=0)[0]


LOADERS: dict[str, Callable[[Path], Look]] = {
    "litert": lambda folder: load_litert(folder / LITERT),
    "onnx": _load_onnx,
    "saved": _load_saved,
    "keras": _load_keras,
}


def time_one(way: str, folder: Path, rounds: int) -> None:
    look, picture = LOADERS[way](folder), random_picture()
    look(picture)
    start_s = time.process_time()
    spent = []
    for _ in range(rounds):
        start = time.process_time()
        look(picture)
        spent.append((time.process_time() - start) * 1e3)
    print_result(start_s, statistics.median(spent))


def random_picture() -> Any:
    return np.random.default_rng(0).uniform(-1, 1, (1, 224, 224, 3)).astype(np.float32)


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if sys.argv[1] in ("build", "plain"):
        (build if sys.argv[1] == "build" else build_plain)(Path(sys.argv[2]))
        print_result(0.0, 0.0)
    else:
        time_one(sys.argv[2], Path(sys.argv[3]), int(sys.argv[4]))
