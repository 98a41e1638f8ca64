"""The way that everybody's script goes: Keras `predict`, then Grad-CAM with a gradient tape on the same net.

It is given the boxes, so that only the net and the heatmap are compared. The net has the shape of the release's and
weights of its own: time does not depend on their values.
"""

from __future__ import annotations

import statistics
import sys
import time
from pathlib import Path
from typing import Any

import cv2
import keras
import numpy as np
import pydicom
import tensorflow as tf
from numpy.typing import NDArray

from bench.report import print_result

ROUNDS = 5


def build() -> tuple[keras.Model, keras.Model]:
    """The net, and the same with its last feature map as a second output."""
    trunk = keras.applications.MobileNetV2(include_top=False, weights=None, input_shape=(224, 224, 3))
    pooled = keras.layers.GlobalAveragePooling2D()(trunk.output)
    hidden = keras.layers.Dense(128, activation="relu")(pooled)
    answer = keras.layers.Dense(5, activation="softmax")(hidden)
    return keras.Model(trunk.input, answer), keras.Model(trunk.input, [trunk.output, answer])


def grade_and_explain(
    net: keras.Model, both: keras.Model, crop: NDArray[np.uint8]
) -> tuple[NDArray[Any], NDArray[Any]]:
    equalized = cv2.createCLAHE(clipLimit=5, tileGridSize=(8, 8)).apply(cv2.resize(crop, (224, 224)))
    batch = np.repeat(equalized[None, :, :, None].astype(np.float32) / 127.5 - 1.0, 3, axis=3)
    probabilities = net.predict(batch, verbose=0)[0]
    with tf.GradientTape() as tape:
        features, answer = both(batch)
        score = answer[:, int(np.argmax(probabilities))]
    weights = tf.reduce_mean(tape.gradient(score, features), axis=(0, 1, 2))
    heat = tf.nn.relu(tf.reduce_sum(features[0] * weights, axis=-1))
    return probabilities, heat.numpy()


def main(path: Path) -> None:
    net, both = build()
    crops = cut_crops(path)
    grade_and_explain(net, both, crops[0])
    start_s = time.process_time()
    spent = []
    for _ in range(ROUNDS):
        for crop in crops:
            start = time.process_time()
            grade_and_explain(net, both, crop)
            spent.append((time.process_time() - start) * 1e3)
    print_result(start_s, statistics.median(spent))


def cut_crops(path: Path) -> list[NDArray[np.uint8]]:
    """Two squares of the plate, where the knees are."""
    pixels = pydicom.dcmread(path).pixel_array
    gray = (pixels >> 4).astype(np.uint8)
    rows, columns = gray.shape
    edge = columns // 4
    return [gray[rows // 2 - edge // 2 :, x : x + edge][:edge] for x in (columns // 8, columns * 5 // 8)]


main(Path(sys.argv[1]))
