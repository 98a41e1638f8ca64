"""Decides whether a file is stable: its size and time have not changed for the configured seconds."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from koa_worker.intake.inbox import Waiting


@dataclass(frozen=True, slots=True)
class _Seen:
    size: int
    modified_ns: int
    since: float


class StabilityTracker:
    """Remembers size and time of each file, with a monotonic clock that does not depend on the system's time."""

    def __init__(self, stable_seconds: float) -> None:
        self._stable_seconds = stable_seconds
        self._seen: dict[Path, _Seen] = {}

    def settled(self, waiting: Iterable[Waiting], now: float) -> list[Waiting]:
        """The files of `waiting` that have not changed for the configured seconds; missing files are forgotten."""
        files = list(waiting)
        self._seen = {file.path: self._look(file, now) for file in files}
        return [file for file in files if now - self._seen[file.path].since >= self._stable_seconds]

    def since(self, file: Waiting) -> float:
        """The time when the file was first seen with its current size and time."""
        return self._seen[file.path].since

    def _look(self, file: Waiting, now: float) -> _Seen:
        before = self._seen.get(file.path)
        if before is not None and (before.size, before.modified_ns) == (file.size, file.modified_ns):
            return before
        return _Seen(file.size, file.modified_ns, now)
