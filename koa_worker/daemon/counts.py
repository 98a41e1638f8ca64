"""Counts since the start of the daemon: the outcomes of files, and the time that was spent on them."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from koa_worker.store import State
from koa_worker.workers.messages import Done

if TYPE_CHECKING:  # a daemon that serves no metrics does not load their library
    from koa_worker.daemon.metrics import Stages


class RunCounts:
    """The counts for the metrics and for the line at the end of a run."""

    def __init__(self) -> None:
        self.outcomes: Counter[str] = Counter()
        self.codes: Counter[str] = Counter()
        self.stages: Stages | None = None  # only where metrics are served
        self.spent_ms: Counter[str] = Counter()
        self.cpu_ms: Counter[str] = Counter()

    def add_job(self, done: Done) -> None:
        if self.stages is not None:
            self.stages.note(done.spent_ms)
        self.spent_ms.update(done.spent_ms)
        self.cpu_ms.update(done.cpu_ms)
        if done.state is not None:
            self.add_outcome(done.state, done.code)

    def add_outcome(self, state: State, code: str | None) -> None:
        self.outcomes[state] += 1
        if code is not None and state is not State.DUPLICATE:
            self.codes[code] += 1
