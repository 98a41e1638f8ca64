"""The pool gives a worker process its time to start, and gives up after some that did not."""

import time
from pathlib import Path

import pytest

from koa_worker.config import Config
from koa_worker.errors import WorkFailed
from koa_worker.workers import pool as module
from koa_worker.workers.pool import WorkerPool

ROOT = Path(__file__).parents[3]
SECONDS = 0.3


def test_each_further_try_to_start_has_more_time(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A process that is only slow, killed after the same time again and again, would never start."""
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(module, "_SECONDS_TO_START", SECONDS)
    given: list[float] = []
    begun = time.monotonic()
    with (
        WorkerPool(Config().below(tmp_path), 1, program="tests.unit.workers.silent_worker") as pool,
        pytest.raises(WorkFailed, match="timed_out, 5 times at its start"),
    ):
        listen_on_and_on(pool, given)
    assert len(given) == 5
    assert given[-1] - begun >= SECONDS * (1 + 2 + 3 + 4 + 5)


def listen_on_and_on(pool: WorkerPool, given: list[float]) -> None:
    """Notes until when each process may take to start."""
    while True:
        if pool.workers[0].deadline not in given:
            given.append(pool.workers[0].deadline)
        pool.listen(0.01)
