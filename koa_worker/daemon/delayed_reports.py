"""Studies whose report is put off: a large study's is written when no more of its images come."""

from __future__ import annotations

import time

from koa_worker.daemon.timers import Clock
from koa_worker.workers.messages import WriteReport

SECONDS_OF_QUIET = 5.0  # in which no more of a study comes, before its report is written


class DelayedReports:
    """Each study once, until its time has come."""

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._until: dict[str, float] = {}

    def delay(self, study_key: str) -> None:
        """The study's report waits, from now on; another image of the same study makes it wait longer."""
        self._until[study_key] = self._clock() + SECONDS_OF_QUIET

    def take_due(self, *, at_once: bool = False) -> list[WriteReport]:
        """Those whose study has been quiet, or with `at_once` all, to be written now."""
        now = self._clock()
        due = [study_key for study_key, until in self._until.items() if at_once or now >= until]
        for study_key in due:
            del self._until[study_key]
        return [WriteReport(study_key) for study_key in due]
