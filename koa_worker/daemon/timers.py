"""Timers for actions that are repeated. All times are monotonic, so that setting the clock back changes nothing."""

from __future__ import annotations

import time
from collections.abc import Callable

Clock = Callable[[], float]


class Timer:
    """A timer that is due at once, and then this number of seconds after each restart."""

    def __init__(self, seconds: float, clock: Clock = time.monotonic) -> None:
        self._seconds = seconds
        self._clock = clock
        self._next = clock()

    def is_due(self) -> bool:
        return self._clock() >= self._next

    def restart(self, seconds: float | None = None) -> None:
        """Makes the timer due after its own interval, or this once after `seconds`."""
        self._next = self._clock() + (self._seconds if seconds is None else seconds)

    def seconds_left(self) -> float:
        return max(0.0, self._next - self._clock())
