"""The state of a run on disk, from which it can be resumed after a kill with the same result.

A state is written to a new file and moved over the old one, so that there is always a complete one.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray


class Average:
    """A moving average of all weights, batch normalization's statistics among them.

    At first it follows quickly, so that the initial weights lose their influence early.
    """

    def __init__(self, model: keras.Model, momentum: float) -> None:
        self.momentum = momentum
        self.updates = 0
        self.values: list[NDArray[Any]] = [np.array(weights) for weights in model.get_weights()]

    def update(self, model: keras.Model, steps: int = 1) -> None:
        self.updates += steps
        momentum = min(self.momentum, (1 + self.updates) / (10 + self.updates)) ** steps
        for value, now in zip(self.values, model.get_weights(), strict=True):
            np.multiply(value, momentum, out=value)
            np.add(value, (1 - momentum) * now, out=value)


def save(path: Path, model: keras.Model, average: Average, progress: dict[str, Any]) -> None:
    """Saves the model with dropout's state, optimizer, average and progress, completely or not at all."""
    arrays: dict[str, Any] = {f"model{i}": np.asarray(v) for i, v in enumerate(_values(model.variables))}
    arrays |= {f"optimizer{i}": np.asarray(v) for i, v in enumerate(_values(model.optimizer.variables))}
    arrays |= {f"average{i}": values for i, values in enumerate(average.values)}
    arrays["progress"] = np.array(json.dumps(progress | {"updates": average.updates}))
    part = path.with_name(path.name + ".part")
    with part.open("wb") as file:
        np.savez(file, **arrays)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def progress(path: Path) -> dict[str, Any] | None:
    """The progress of the saved run; None if there is none."""
    if not path.exists():
        return None
    with np.load(path) as arrays:
        saved: dict[str, Any] = json.loads(str(arrays["progress"]))
    return saved


def restore(path: Path, model: keras.Model, average: Average) -> None:
    """Loads the saved state into a compiled model whose optimizer is built, and into the average."""
    with np.load(path) as arrays:
        _assign(model.variables, arrays, "model")
        _assign(model.optimizer.variables, arrays, "optimizer")
        average.values = [arrays[f"average{i}"] for i in range(len(average.values))]
        average.updates = int(json.loads(str(arrays["progress"]))["updates"])


def _values(variables: Sequence[Any]) -> list[NDArray[Any]]:
    return [keras.ops.convert_to_numpy(variable) for variable in variables]


def _assign(variables: Sequence[Any], arrays: Any, prefix: str) -> None:
    if f"{prefix}{len(variables)}" in arrays:
        raise ValueError(f"the saved {prefix} has more variables than this one: another network or setting")
    for i, variable in enumerate(variables):
        variable.assign(arrays[f"{prefix}{i}"])
