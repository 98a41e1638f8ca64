"""Counts the expensive operations for one radiograph: passes over the frame, resizes, statements, encodings, files.

`python -m bench.costs [PLATE]`, without one by a synthetic plate with two knees. `make check` holds these numbers down.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import cv2
import numpy as np
from sqlalchemy import event

from bench.steps import Worker
from koa_worker import synthetic
from koa_worker.config import Config
from koa_worker.pipeline import Pipeline
from koa_worker.read import read
from koa_worker.synthetic.write import write_dicom
from koa_worker.values import Arrival, Side

ROWS, COLUMNS = 1000, 1250


@dataclass(slots=True)
class Costs:
    """The counts for one file, from the claim to the filed original, with its report."""

    frame_passes: int = 0  # calls of OpenCV that are given the whole frame
    resizes: int = 0
    encodings: int = 0  # of pictures
    statements: int = 0  # of SQL, without those that begin and end a transaction
    opened: int = 0  # files, by Python


class _Opened:
    """Counts opened files while it is active: an audit hook stays for the life of the process."""

    def __init__(self) -> None:
        self.costs: Costs | None = None

    def __call__(self, what: str, _given: tuple[Any, ...]) -> None:
        if what == "open" and self.costs is not None:
            self.costs.opened += 1


_opened = _Opened()
sys.addaudithook(_opened)


def costs_of(worker: Worker, data: bytes, frame_pixels: int) -> Costs:
    """The counts for a file in a worker process that has done some files before."""
    for number in (1, 2):
        worker.work(data, number)
    costs = Costs()
    claim = worker.claim(data, 3)
    with _counting(costs, worker, frame_pixels):
        worker.take(claim)
    return costs


@contextmanager
def _counting(costs: Costs, worker: Worker, frame_pixels: int) -> Iterator[None]:
    def count_statement(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        costs.statements += not statement.startswith("BEGIN")

    database = worker.store.sessions.writing
    event.listen(database, "before_cursor_execute", count_statement)
    with ExitStack() as stack:
        for name in dir(cv2):
            function = getattr(cv2, name)
            if callable(function) and not isinstance(function, type):
                stack.enter_context(mock.patch.object(cv2, name, _counted(name, function, costs, frame_pixels)))
        _opened.costs = costs
        try:
            yield
        finally:
            _opened.costs = None
            event.remove(database, "before_cursor_execute", count_statement)


def _counted(name: str, function: Callable[..., Any], costs: Costs, frame_pixels: int) -> Callable[..., Any]:
    def call(*given: Any, **named: Any) -> Any:
        costs.resizes += name == "resize"
        costs.encodings += name == "imencode"
        costs.frame_passes += any(isinstance(one, np.ndarray) and one.size >= frame_pixels for one in given)
        return function(*given, **named)

    return call


def draw(path: Path) -> None:
    """A small typical radiograph with two knees."""
    knees = (
        synthetic.KneeSpec(Side.RIGHT, 2.0, centre=(0.26, 0.5)),
        synthetic.KneeSpec(Side.LEFT, 0.0, centre=(0.74, 0.5)),
    )
    write_dicom(path, synthetic.draw(synthetic.PlateSpec(ROWS, COLUMNS, 0.32, knees, seed=1, beads=True)))


def main() -> None:
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as folder, Worker.at_work(Pipeline.load(Config())) as worker:
        path = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(folder) / "plate.dcm"
        if len(sys.argv) == 1:
            draw(path)
        pixels = read(Arrival(path, "", 0, path.name, "0"), worker.config.limits).pixels
        for name, count in asdict(costs_of(worker, path.read_bytes(), pixels.size)).items():
            print(f"{name:14} {count}")


if __name__ == "__main__":
    main()
