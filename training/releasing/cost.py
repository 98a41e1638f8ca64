"""The cost of a release: its networks' time for a knee, in passes of one plain MobileNetV2 of 224 pixels.

An absolute time depends on the machine as much as on the release. Both are timed alternately in processor time, so that
other programs affect both.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from koa_worker.knee.grading.grade import Grader
from koa_worker.knee.grading.prepare import SIZE, Picture

from ..network import networks
from ..network.to_litert import Precision, convert

ROUNDS = 15
ALLOWED = 4.0  # looks


def measure_looks(grader: Grader, crop: Picture) -> float:
    """The cost of all passes of the release for one knee, in plain passes."""
    plain = _plain()
    turns = [(_spent(plain), _spent(lambda: grader.look(crop))) for _ in range(ROUNDS)]
    one, whole = np.median(turns, axis=0)
    return round(float(whole / one), 2)


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
