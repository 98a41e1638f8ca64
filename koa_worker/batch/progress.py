"""The progress of a batch, with its rate and the time left: a bar in a terminal, otherwise a line at intervals."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

_SECONDS_BETWEEN_LINES = 10.0
_SECONDS_OF_RATE = 60.0  # the rate is that of the last minute: archives have long stretches of small or large files


class Meter(Protocol):
    def advance(self) -> None:
        """Shows that one more file is done."""


@contextmanager
def shown(total: int, done: int, console: Console) -> Iterator[Meter]:
    """Shows the progress. The `done` files of an earlier run count, but not for the rate."""
    if not console.is_terminal:
        yield _Lines(total, done, console)
        return
    columns = (TextColumn("grading"), BarColumn(), MofNCompleteColumn(), _Rate(), TimeRemainingColumn())
    with Progress(*columns, console=console, speed_estimate_period=_SECONDS_OF_RATE) as progress:
        yield _Bar(progress, total, done)


class _Bar:
    def __init__(self, progress: Progress, total: int, done: int) -> None:
        self._progress = progress
        self._task = progress.add_task("", total=total, completed=done)

    def advance(self) -> None:
        self._progress.advance(self._task)


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text(f"{task.speed:.1f} files/s" if task.speed else "")


class _Lines:
    def __init__(self, total: int, done: int, console: Console) -> None:
        self._total, self._done, self._console = total, done, console
        # The rate starts with the first finished file: before it, models are loaded.
        self._before: deque[tuple[float, int]] = deque(maxlen=round(_SECONDS_OF_RATE / _SECONDS_BETWEEN_LINES))

    def advance(self) -> None:
        self._done += 1
        now = time.monotonic()
        if not self._before:
            self._before.append((now, self._done))
        if now - self._before[-1][0] < _SECONDS_BETWEEN_LINES:
            return
        then, done_then = self._before[0]
        rate = (self._done - done_then) / (now - then)
        left = timedelta(seconds=round((self._total - self._done) / rate))
        self._console.print(f"{self._done} of {self._total} files, {rate:.1f} files/s, {left} left", highlight=False)
        self._before.append((now, self._done))
