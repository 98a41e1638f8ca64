"""Shows that the dispatcher's loop runs: to `status` and the page by a file, and to the service manager."""

from __future__ import annotations

import time
from pathlib import Path

from koa_worker.daemon.timers import Clock, Timer
from koa_worker.system.heartbeat import PAUSE_WORDS, Pulse, beat
from koa_worker.system.systemd import Service

_SECONDS_BETWEEN_BEATS, _SECONDS_BETWEEN_NEWS = 5.0, 0.5  # seconds between heartbeats: without a change, with one


class Heartbeats:
    """Writes a heartbeat soon after a change, and otherwise at longer intervals."""

    def __init__(self, work: Path, service: Service, clock: Clock = time.monotonic) -> None:
        self._work = work
        self._service = service
        self._regular = Timer(_SECONDS_BETWEEN_BEATS, clock)
        self._news = Timer(_SECONDS_BETWEEN_NEWS, clock)
        self._last: Pulse | None = None

    def beat(self, pulse: Pulse) -> None:
        """Writes the heartbeat if it is due; the loop calls this in every iteration."""
        self._service.alive(_status_line(pulse))
        if (self._regular if pulse == self._last else self._news).is_due():
            self._regular.restart()
            self._news.restart()
            self._last = pulse
            beat(self._work, pulse)


def _status_line(pulse: Pulse) -> str:
    """The line that the service manager shows: the state, and the concerns."""
    state = PAUSE_WORDS[pulse.paused] if pulse.paused else f"{pulse.busy} of {pulse.workers} at work"
    return " ".join([f"{state};", *map(str, pulse.concerns)]) if pulse.concerns else state
