"""Whether disk and database answer: it is in doubt from the first failure until a job succeeds."""

from __future__ import annotations

import time

from koa_worker.daemon.timers import Clock
from koa_worker.system.heartbeat import PauseReason


class Unanswered:
    """True while it is uncertain that both answer. While files wait, one successful check is not enough."""

    def __init__(self, patience_seconds: float, clock: Clock = time.monotonic) -> None:
        self._patience_seconds = patience_seconds
        self._clock = clock
        self._since: float | None = None
        self._folders_since: float | None = None
        self.may_try = True  # whether to try a file: not directly after the database failed to answer

    def __bool__(self) -> bool:
        return self._since is not None

    @property
    def reason(self) -> PauseReason | None:
        return PauseReason.NO_ANSWER if self else None

    @property
    def in_doubt(self) -> bool:
        """Whether a run with `--once` has to wait before it knows that nothing is left."""
        return self._since is not None or self._folders_since is not None

    @property
    def is_lost(self) -> bool:
        """Whether the doubt has lasted longer than a run with `--once` waits."""
        begun = [since for since in (self._since, self._folders_since) if since is not None]
        return bool(begun) and self._clock() - min(begun) > self._patience_seconds

    def begin(self, *, may_try: bool) -> None:
        if self._since is None:
            self._since = self._clock()
        self.may_try = may_try

    def house_kept(self, *, idle: bool) -> None:
        """Notes that the database answered; if no file waits to be tried, the doubt is over."""
        self.may_try = True
        if idle:
            self._since = None

    def end(self) -> None:
        """Ends the doubt: a job was done, which needs both."""
        self._since = None
        self.may_try = True

    def note_folders(self, *, lost: bool) -> None:
        """Notes whether a folder is missing; it may come back, like the database."""
        if not lost:
            self._folders_since = None
        elif self._folders_since is None:
            self._folders_since = self._clock()
