"""Decides what is done next: takes files from the inbox, gives them to worker processes, records the outcomes."""

from __future__ import annotations

import logging
import time
from datetime import UTC, datetime
from pathlib import Path

from koa_worker import health
from koa_worker.config import Config
from koa_worker.daemon.counts import RunCounts
from koa_worker.daemon.ending import RunSummary
from koa_worker.daemon.heartbeats import Heartbeats
from koa_worker.daemon.inbox_state import InboxState
from koa_worker.daemon.job_queue import JobQueue
from koa_worker.daemon.notices import Notices
from koa_worker.daemon.pauses import Pause, reason_to_pause
from koa_worker.daemon.retention import remove_expired
from koa_worker.daemon.timers import Timer
from koa_worker.daemon.unanswered import Unanswered
from koa_worker.daemon.worker_deaths import Next, WorkerDeaths
from koa_worker.errors import WorkFailed
from koa_worker.intake import Backlog, Claim, claim, claim_again, left_over, scan
from koa_worker.intake.watch import Watch
from koa_worker.store import State, Store
from koa_worker.system.heartbeat import PAUSE_WORDS, PauseReason, Pulse
from koa_worker.system.log import where
from koa_worker.system.stop import Stop
from koa_worker.system.systemd import Service
from koa_worker.workers.messages import Done, Event, Postponed, WorkerDied, WriteReport
from koa_worker.workers.pool import WorkerPool

logger = logging.getLogger(__name__)

_SECONDS_BETWEEN_LOOKS = 2.0  # seconds between two checks of disk, clock and files that may be retried
_SECONDS_BETWEEN_REMOVALS = 60.0  # seconds between two removals of expired data, once none is left
_SECONDS_POSTPONED = 3.0


class Dispatcher:
    """The daemon's loop: checks its surroundings, gives out jobs, listens."""

    def __init__(self, config: Config, store: Store, pool: WorkerPool, watch: Watch, service: Service) -> None:
        self._config = config
        self._store = store
        self._pool = pool
        self._watch = watch
        self._overdue = 0
        self.backlog = Backlog(config.folders.inbox, config.intake)
        self.counts = RunCounts()
        self.studies_waiting = 0  # for more of their images, with their report
        self._jobs = JobQueue()
        self._deaths = WorkerDeaths(config, store, self.counts)
        self._pause = Pause()
        self._unanswered = Unanswered(config.batch.patience_seconds)
        self._inbox_state = InboxState(config)
        self.notices = Notices()
        self._look = Timer(_SECONDS_BETWEEN_LOOKS)
        self._housekeeping = Timer(_SECONDS_BETWEEN_REMOVALS)
        self._heartbeats = Heartbeats(config.folders.work, service)

    @property
    def workers_replaced(self) -> int:
        """Worker processes that died and were replaced."""
        return self._pool.replaced

    def pulse(self) -> Pulse:
        pool = self._pool
        return Pulse(
            len(pool.workers),
            pool.busy,
            self._pause.reason,
            self._overdue,
            pool.model,
            self._pause.since,
            self.notices.concerns,
        )

    def take_up_left_over(self) -> None:
        """Takes up files that a stop or a crash left unfinished, and reports that it left unwritten."""
        for taken in left_over(self._config.folders.work):
            self._jobs.add(taken)
        for study_key in self._store.reports.left_over():
            self._jobs.add(WriteReport(study_key))

    def work_until(self, stop: Stop, *, once: bool) -> None:
        """Works until it is asked to stop; with `once`, until nothing waits or the configured hours are over."""
        while not stop.asked:
            if self._look.is_due():
                self._look.restart()
                self._look_around()
            if self._pause.reason is None or (self._pause.reason is PauseReason.NO_ANSWER and self._unanswered.may_try):
                self._give_jobs()
                self._claim_ahead()
                self._give_jobs()
            elif self._pause.reason is PauseReason.OUTSIDE_HOURS:  # reports of graded files are still written
                self._give_reports()
            if once and self._is_over():
                return
            self._listen(self._seconds_to_wait())
            self._heartbeats.beat(self.pulse())

    def finish(self, seconds: float) -> None:
        """Waits at most this number of seconds for the files in progress; the next start resumes the others."""
        give_up = time.monotonic() + seconds
        while self._pool.busy and time.monotonic() < give_up:
            self._listen(1.0)
            self._heartbeats.beat(self.pulse())

    def summary(self, *, interrupted: bool) -> RunSummary:
        """How the run ended, from a last scan of the inbox and the work folder."""
        outcomes, reason = self.counts.outcomes, self._pause.reason
        hours_over = reason is PauseReason.OUTSIDE_HOURS and not interrupted
        lost = self._unanswered.is_lost
        stayed = "interrupted" if interrupted else PAUSE_WORDS[reason] if reason else ""
        return RunSummary(
            graded=outcomes[State.COMPLETED],
            duplicates=outcomes[State.DUPLICATE],
            rejected=outcomes[State.REJECTED],
            failed=outcomes[State.FAILED],
            left=scan(self._config.folders.inbox, limit=1).total + self._left_in_work(),
            unclaimable=self._inbox_state.unclaimable,
            hours_over=hours_over,
            why="database or folder lost" if lost else stayed,
            lost=lost,
        )

    def _left_in_work(self) -> int:
        """Files that the next start takes up, without failed ones, which wait there too but are counted as failed."""
        try:
            counts = self._store.counts.status()
            waiting_for_retry = counts.counts[State.FAILED] - counts.parked
        except WorkFailed:
            waiting_for_retry = 0
        claimed = sum(1 for _ in self._config.folders.work.glob("*.json"))
        return max(0, claimed - waiting_for_retry)

    # What there is to do

    def _look_around(self) -> None:
        self._watch.follow()
        self._warn_of_overdue()
        self._jobs.put_back_postponed()
        self._keep_house()
        self._unanswered.note_folders(lost=self._inbox_state.is_lost())
        self._pause.change_to(reason_to_pause(self._config) or self._unanswered.reason)
        self.notices.update("inbox", self._inbox_state.concerns(self.backlog.seen))
        self.notices.update("pause", health.of_pause(self._pause.reason, self._pause.since))

    def _keep_house(self) -> None:
        try:
            self._add_reports()
            self._record_deaths()
            self._add_retries()
            if not self._jobs:  # housekeeping never delays other work
                self._remove_expired()
        except (OSError, WorkFailed) as fault:
            if not self._unanswered:
                logger.warning("disk or database does not answer", extra={"fault": where(fault)})
            self._unanswered.begin(may_try=False)
        else:
            self._unanswered.house_kept(idle=not (self._jobs or self._jobs.has_postponed or self._pool.busy))

    def _remove_expired(self) -> None:
        if not self._housekeeping.is_due():
            return
        if not remove_expired(self._config, self._store, datetime.now().astimezone().date()):
            self._housekeeping.restart()

    def _warn_of_overdue(self) -> None:
        if self.backlog.seen.overdue != self._overdue:
            self._overdue = self.backlog.seen.overdue
            logger.warning("files stay unfinished in the inbox", extra={"files": self._overdue})

    def _add_reports(self, *, at_once: bool = False) -> None:
        """Adds the reports of studies that have waited long enough, or with `at_once` of all."""
        owed = self._store.reports.owed()
        # A report that is being written may lack the last change: it is checked again when it has been written.
        ready = [
            one.study_key for one in owed if (one.ready or at_once) and not self._jobs.is_unfinished(one.study_key)
        ]
        self.studies_waiting = len(owed) - len(ready)
        for study_key in self._store.reports.claim(ready) if ready else ():
            self._jobs.add(WriteReport(study_key))

    def _record_deaths(self) -> None:
        for job, what in self._deaths.record():
            if what is Next.AT_ONCE:
                self._jobs.add(job)
            else:
                self._jobs.finish(job)

    def _add_retries(self) -> None:
        for record in self._store.files.due_retries(datetime.now(UTC)):
            if self._jobs.is_unfinished(record.id):
                continue
            # The file waits in the work folder, or was parked; a file of another daemon is left alone.
            parked = Path(record.filed_as) if record.filed_as else None
            taken = claim_again(record.id, record.name, parked, self._config.folders.work)
            if taken is not None:
                self._jobs.add(taken)

    def _claim_ahead(self) -> None:
        """Claims one more file for each worker process, but not more, so that none waits for its next file."""
        self.backlog.refresh()
        while len(self._jobs) < len(self._pool.workers) and (file := self.backlog.take()):
            try:
                taken = claim(file, self._config.folders.work)
            except OSError as fault:
                self.backlog.put_off(file)
                self._inbox_state.not_claimed(file.path, fault)
                continue
            self._inbox_state.claimed(file.path)
            if taken is not None:
                if taken.received_as is not None:  # connects the receiver's line in the log with those of the file
                    logger.info("taken", extra={"file": taken.id, "as": taken.received_as})
                self._jobs.add(taken)

    def _give_jobs(self) -> None:
        while self._jobs and self._pool.room:
            self._pool.give(self._jobs.take())

    def _give_reports(self) -> None:
        while self._pool.room and (job := self._jobs.take_report()):
            self._pool.give(job)

    def _is_over(self) -> bool:
        if self._pool.busy:
            return False
        if self._unanswered.in_doubt:
            return self._unanswered.is_lost
        if self._pause.reason is PauseReason.DISK_NEARLY_FULL:
            return True
        if self._pause.reason is PauseReason.OUTSIDE_HOURS:
            self._add_last_reports()
            return not self._jobs.has_report
        if self._jobs or self._jobs.has_postponed or self._deaths or not self.backlog.is_drained():
            return False
        self._add_last_reports()
        return not self._jobs

    def _add_last_reports(self) -> None:
        try:
            self._add_reports(at_once=True)
        except WorkFailed as fault:  # the next start writes them
            logger.warning("reports are left to the next start", extra={"fault": where(fault)})

    # The results

    def _seconds_to_wait(self) -> float:
        next_look = self._look.seconds_left()
        return next_look if self._pause.reason else min(next_look, self.backlog.seconds_left())

    def _listen(self, seconds: float) -> None:
        for event in self._pool.listen(seconds, [self._watch.fileno()]):
            self._note(event)
        if self._watch.clear():
            self.backlog.stirred()

    def _note(self, event: Event) -> None:
        match event:
            case Done(job):
                self._jobs.finish(job)
                self._deaths.forget(job)
                self._unanswered.end()
                self.counts.add_job(event)
            case Postponed(job):
                self._jobs.postpone(job)
                self._look.restart(_SECONDS_POSTPONED)
                self._unanswered.begin(may_try=True)
                self._pause.change_to(PauseReason.NO_ANSWER)
            case WorkerDied(Claim() | WriteReport() as job):
                self._deaths.add(job, event)
                self._look.restart(0.0)
