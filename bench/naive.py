"""The usual way of a script: Keras `predict`, then Grad-CAM with a gradient tape on the same network.

`python -m bench.naive PLATE`: one pass of one plain network, as in such scripts. With `--every-look`: every pass of the
release, by networks of the same shapes, so that both do the same work. The boxes are given, so that only the networks
and the heatmap are compared. The weights are random: the time does not depend on their values.
"""

from __future__ import annotations

import argparse
import statistics
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import cv2
import keras
import numpy as np
import pydicom
import tensorflow as tf
from numpy.typing import NDArray

from bench.report import print_result
from koa_worker.knee.grading.grade import Grader
from koa_worker.knee.grading.release import Release, model_folder
from koa_worker.knee.grading.views import WHOLE, Part, View

SIZE = 224
ROUNDS = 5
STRIDE = 32  # pixels for each field of the last feature map


@dataclass(frozen=True)
class Net:
    """A network, the same with its last feature map as a second output, and which part of the crop it enlarges."""

    net: keras.Model
    both: keras.Model
    part: Part

    @classmethod
    def build(cls, rows: int, columns: int, part: Part = WHOLE) -> Self:
        trunk = keras.applications.MobileNetV2(include_top=False, weights=None, input_shape=(rows, columns, 3))
        pooled = keras.layers.GlobalAveragePooling2D()(trunk.output)
        hidden = keras.layers.Dense(128, activation="relu")(pooled)
        answer = keras.layers.Dense(5, activation="softmax")(hidden)
        return cls(keras.Model(trunk.input, answer), keras.Model(trunk.input, [trunk.output, answer]), part)

    def explain(self, crop: NDArray[np.uint8]) -> tuple[NDArray[Any], NDArray[Any]]:
        """Probabilities and heatmap."""
        batch = np.repeat(self._enlarged(crop)[None, :, :, None].astype(np.float32) / 127.5 - 1.0, 3, axis=3)
        probabilities = self.net.predict(batch, verbose=0)[0]
        with tf.GradientTape() as tape:
            features, answer = self.both(batch)
            score = answer[:, int(np.argmax(probabilities))]
        weights = tf.reduce_mean(tape.gradient(score, features), axis=(0, 1, 2))
        return probabilities, tf.nn.relu(tf.reduce_sum(features[0] * weights, axis=-1)).numpy()

    def _enlarged(self, crop: NDArray[np.uint8]) -> NDArray[np.uint8]:
        top, left, bottom, right = (
            round(SIZE * edge) for edge in (self.part.top, self.part.left, self.part.bottom, self.part.right)
        )
        rows, columns = self.net.input_shape[1:3]
        return np.asarray(cv2.resize(crop[top:bottom, left:right], (columns, rows)), np.uint8)


def build_all() -> tuple[list[Net], list[View]]:
    """Networks of the same size as the release's members, and its views."""
    manifest = Release.open(model_folder()).manifest
    maps = Grader.load(model_folder()).features(np.zeros((SIZE, SIZE), np.uint8))
    nets = [
        Net.build(fields.shape[-3] * STRIDE, fields.shape[-2] * STRIDE, member.part)
        for fields, member in zip(maps, manifest.members, strict=True)
    ]
    return nets, [View.parse(name) for name in manifest.views]


def main(path: Path, *, every_look: bool) -> None:
    nets, views = build_all() if every_look else ([Net.build(SIZE, SIZE)], [View()])
    crops = cut_crops(path)
    grade_and_explain(nets, views, crops[0])
    start_s = time.process_time()
    spent = []
    for _ in range(ROUNDS):
        for crop in crops:
            start = time.process_time()
            grade_and_explain(nets, views, crop)
            spent.append((time.process_time() - start) * 1e3)
    print_result(start_s, statistics.median(spent))


def grade_and_explain(nets: list[Net], views: list[View], crop: NDArray[np.uint8]) -> None:
    equalized = cv2.createCLAHE(clipLimit=5, tileGridSize=(8, 8)).apply(cv2.resize(crop, (SIZE, SIZE)))
    found = [net.explain(view.show(equalized)) for net in nets for view in views]
    np.mean([probabilities for probabilities, _ in found], axis=0)
    np.mean([cv2.resize(heat, (SIZE, SIZE)) for _, heat in found], axis=0)


def cut_crops(path: Path) -> list[NDArray[np.uint8]]:
    """Two squares of the plate, where the knees are."""
    pixels = pydicom.dcmread(path).pixel_array
    gray = (pixels >> 4).astype(np.uint8)
    rows, columns = gray.shape
    edge = columns // 4
    return [gray[rows // 2 - edge // 2 :, x : x + edge][:edge] for x in (columns // 8, columns * 5 // 8)]


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("plate", type=Path)
    options.add_argument("--every-look", action="store_true")
    chosen = options.parse_args()
    main(chosen.plate, every_look=chosen.every_look)
