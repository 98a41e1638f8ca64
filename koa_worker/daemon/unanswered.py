"""Whether disk and database answer: from the first failure until something has been done again."""

from __future__ import annotations

import time

from koa_worker.daemon.timers import Clock
from koa_worker.system.heartbeat import PauseReason


class Unanswered:
    """True while nobody knows that both answer. One look that succeeds is not enough while files wait."""

    def __init__(self, patience_seconds: float, clock: Clock = time.monotonic) -> None:
        self._patience_seconds = patience_seconds
        self._clock = clock
        self._since: float | None = None
        self._folders_since: float | None = None
        self.may_try = True  # whether a file is worth a try: not when the database has just not answered

    def __bool__(self) -> bool:
        return self._since is not None

    @property
    def reason(self) -> PauseReason | None:
        return PauseReason.NO_ANSWER if self else None

    @property
    def in_doubt(self) -> bool:
        """Whether a run with an end has to wait before it knows that nothing is left."""
        return self._since is not None or self._folders_since is not None

    @property
    def is_lost(self) -> bool:
        """Whether it has lasted longer than a run with an end waits."""
        begun = [since for since in (self._since, self._folders_since) if since is not None]
        return bool(begun) and self._clock() - min(begun) > self._patience_seconds

    def begin(self, *, may_try: bool) -> None:
        if self._since is None:
            self._since = self._clock()
        self.may_try = may_try

    def house_kept(self, *, idle: bool) -> None:
        """Notes that the database answered; if no file waits to be tried, all is well again."""
        self.may_try = True
        if idle:
            self._since = None

    def end(self) -> None:
        """Ends the doubt: a job was done, which needs both."""
        self._since = None
        self.may_try = True

    def note_folders(self, *, lost: bool) -> None:
        """Notes whether a folder is gone; it may come back, as the database may."""
        if not lost:
            self._folders_since = None
        elif self._folders_since is None:
            self._folders_since = self._clock()
