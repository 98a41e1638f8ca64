"""The cost of a release: its networks' time for a knee, in passes of one plain MobileNetV2 of 224 pixels.

An absolute time depends on the machine as much as on the release. Both are timed alternately in processor time, so that
other programs affect both.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from koa_worker.knee.grading.grade import Grader
from koa_worker.knee.grading.prepare import SIZE, Picture

from ..network import networks
from ..network.to_litert import Precision, convert

ROUNDS = 15
ALLOWED = 4.0  # looks


@dataclass(frozen=True, slots=True)
class Looks:
    """The cost of a knee in plain passes."""

    grade: float
    again: float  # of the gate's own views, for a knee that is not familiar in those of the grade


def measure_looks(grader: Grader, crop: Picture) -> Looks:
    """The cost of all passes of the release for one knee, each timed in turn with a plain pass."""
    works = (_plain(), lambda: grader.look(crop), lambda: grader.look_again(crop))
    turns = [[_spent(work) for work in works] for _ in range(ROUNDS)]
    plain, grade, again = np.median(turns, axis=0)
    return Looks(round(float(grade / plain), 2), round(float(again / plain), 2))


def seen_again(grader: Grader, crops: Sequence[Picture]) -> float:
    """The share of these knees that the gate judges by views of its own."""
    return float(np.mean([not grader.is_familiar_at_once(grader.look(crop)[1]) for crop in crops]))


def _plain() -> Callable[[], None]:
    content, _ = convert(networks.build("mobilenetv2"), Precision.FLOAT32)
    interpreter = Interpreter(model_content=content, num_threads=1)
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], np.zeros((1, SIZE, SIZE, 3), np.float32))
    interpreter.invoke()  # the first run is slow

    def look() -> None:
        interpreter.invoke()

    return look


def _spent(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start
