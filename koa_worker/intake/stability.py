"""Has this file stood still? It has when its size and time have not changed for long enough."""

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
    """Remembers what each file looked like, by a monotonic clock that a change of the system's time cannot fool."""

    def __init__(self, stable_seconds: float) -> None:
        self._stable_seconds = stable_seconds
        self._seen: dict[Path, _Seen] = {}

    def settled(self, waiting: Iterable[Waiting], now: float) -> list[Waiting]:
        """Those of `waiting` that have not changed for the configured time; what is gone is forgotten."""
        files = list(waiting)
        self._seen = {file.path: self._look(file, now) for file in files}
        return [file for file in files if now - self._seen[file.path].since >= self._stable_seconds]

    def since(self, file: Waiting) -> float:
        """When the file was first seen as it is now."""
        return self._seen[file.path].since

    def _look(self, file: Waiting, now: float) -> _Seen:
        before = self._seen.get(file.path)
        if before is not None and (before.size, before.modified_ns) == (file.size, file.modified_ns):
            return before
        return _Seen(file.size, file.modified_ns, now)
