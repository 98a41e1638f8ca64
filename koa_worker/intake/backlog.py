"""Decides which file is taken next, oldest first, and when the inbox is scanned again."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

from koa_worker.config import IntakeSettings
from koa_worker.intake.inbox import Scan, Waiting, scan
from koa_worker.intake.stability import StabilityTracker
from koa_worker.intake.whole import is_whole

_LOW = 200  # with fewer files ready, the inbox is scanned again before they run out
_PAUSE_PER_SCAN = 4.0  # a scan of a huge inbox takes long: at most a fifth of the time goes into scans
_SHORTEST_PAUSE = 0.05
_LONGEST_LOOK = 0.5  # seconds for checking whether files are complete, before the loop does other work


class Backlog:
    """Remembers a bounded part of the inbox. All times are monotonic: setting the clock back changes nothing."""

    def __init__(self, inbox: Path, settings: IntakeSettings, clock: Callable[[], float] = time.monotonic) -> None:
        self._inbox = inbox
        self._settings = settings
        self._clock = clock
        self._tracker = StabilityTracker(settings.stable_seconds)
        self._ready: deque[Waiting] = deque()
        self._put_off: dict[Path, float] = {}
        self._next = self._earliest = clock()
        self._cut: dict[Path, tuple[int, int]] = {}  # files that were incomplete with this size and time
        self._unasked = False
        self._taken = 0  # since the last scan
        self.seen = Scan((), 0, 0, 0)

    @property
    def waiting(self) -> int:
        """The number of files in the inbox that will be taken, now or when they are complete."""
        return max(0, self.seen.total - self._taken - len(self._put_off))

    def is_drained(self) -> bool:
        """Whether no file waits, according to a scan after the last file was taken."""
        if self._taken and not self.waiting:
            self.stirred()
        return not self._taken and not self.waiting

    def stirred(self) -> None:
        """Notes that something changed in the inbox: the next scan comes earlier, unless enough files are ready."""
        if len(self._ready) < _LOW:
            self._next = min(self._next, self._earliest)

    def seconds_left(self) -> float:
        """The seconds until the inbox should be scanned again."""
        left = max(0.0, self._next - self._clock())
        return min(left, _SHORTEST_PAUSE) if self._unasked else left

    def refresh(self) -> None:
        """Scans the inbox if it is time."""
        start = self._clock()
        if start < self._next:
            return
        self.seen = scan(self._inbox, overdue_minutes=self._settings.overdue_minutes)
        self._taken = 0
        oldest = {file.path for file in self.seen.oldest}
        self._cut = {path: facts for path, facts in self._cut.items() if path in oldest}
        self._put_off = {path: until for path, until in self._put_off.items() if until > start}
        settled = self._tracker.settled(self.seen.oldest, start)
        self._ready = deque(file for file in settled if file.path not in self._put_off)
        end = self._clock()
        self._earliest = end + max(_SHORTEST_PAUSE, _PAUSE_PER_SCAN * (end - start))
        self._next = end + self._settings.scan_seconds
        if len(self._ready) < min(_LOW, self.waiting):  # the others are not stable yet, or come after these
            self._next = max(self._earliest, end + min(self._settings.stable_seconds, self._settings.scan_seconds))

    def take(self) -> Waiting | None:
        """The oldest complete file; None if there is none, or if none was found within the time limit."""
        if len(self._ready) < _LOW and self.seen.total > len(self.seen.oldest):
            self.stirred()
        give_up = self._clock() + _LONGEST_LOOK
        self._unasked = False
        while self._ready:
            if self._clock() > give_up:
                self._unasked = True
                return None
            file = self._ready.popleft()
            if self._reaches_its_end(file):
                self._taken += 1
                return file
        return None

    def put_off(self, file: Waiting) -> None:
        """Postpones a file that could not be claimed."""
        self._put_off[file.path] = self._clock() + max(10.0, self._settings.scan_seconds)

    def _reaches_its_end(self, file: Waiting) -> bool:
        """Whether the file is complete. Also true after `incomplete_seconds` without change: the reader rejects it."""
        facts = (file.size, file.modified_ns)
        if self._cut.get(file.path) != facts:
            try:
                if is_whole(file.path):
                    return True
            except OSError:
                return True  # missing or unreadable: the claim will show which
            self._cut[file.path] = facts
        return self._clock() - self._tracker.since(file) >= self._settings.incomplete_seconds
