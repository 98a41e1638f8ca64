"""Decides what is done next: takes files out of the inbox, gives them to the crew, records what a hand fell over."""

from __future__ import annotations

import logging
import time
from collections import Counter, deque
from datetime import UTC, datetime
from pathlib import Path

from koa_worker.config import Config
from koa_worker.daemon.metrics import Stages
from koa_worker.daemon.pauses import OUTSIDE_HOURS, reason_to_pause
from koa_worker.daemon.retention import remove_expired
from koa_worker.errors import WorkFailed
from koa_worker.intake import Backlog, Claim, Watch, claim, claim_again, left_over
from koa_worker.store import FileRecord, State, Store
from koa_worker.system.heartbeat import Pulse, beat
from koa_worker.system.log import where
from koa_worker.system.stop import Stop
from koa_worker.system.systemd import Service
from koa_worker.values import Failed
from koa_worker.workers.messages import Done, Event, Job, Lost, SetDown, WriteReport
from koa_worker.workers.pool import Crew

logger = logging.getLogger(__name__)

_WORKER = "foreman"
_SECONDS_SET_DOWN = 3.0
_SECONDS_BETWEEN_LOOKS = 2.0  # at the disk, the clock and the files whose pause may be over
_SECONDS_BETWEEN_BEATS, _SECONDS_BETWEEN_NEWS = 5.0, 0.5  # without and with news of hands
_SECONDS_OF_QUIET = 5.0  # in which no more of a large study comes, before its report is written


class Foreman:
    """The state of the loop; `turn` is one round of it."""

    def __init__(self, config: Config, store: Store, crew: Crew, watch: Watch, service: Service) -> None:
        self._config = config
        self._store = store
        self._crew = crew
        self._watch = watch
        self._service = service
        self.backlog = Backlog(config.folders.inbox, config.intake)
        self._queue: deque[Job] = deque()
        self._set_down: deque[Job] = deque()
        self._lost: deque[Lost] = deque()
        self._in_hand: set[str] = set()
        self._owed: dict[str, float] = {}  # studies whose report was put off, and until when
        self._losses: Counter[str] = Counter()
        self._next_look = self._next_beat = self._next_news = 0.0
        self._last_pulse: Pulse | None = None
        self._overdue = 0
        self.paused = ""
        self.tally: Counter[str] = Counter()
        self.codes: Counter[str] = Counter()
        self.stages = Stages()
        self.spent_ms: Counter[str] = Counter()
        self.cpu_ms: Counter[str] = Counter()

    @property
    def not_graded(self) -> int:
        """Files that this run had to reject or could not finish."""
        return self.tally[State.REJECTED] + self.tally[State.FAILED]

    @property
    def fallen(self) -> int:
        """Worker processes that had to be replaced."""
        return self._crew.fallen

    def pulse(self) -> Pulse:
        crew = self._crew
        return Pulse(len(crew.hands), crew.busy, self.paused, self._overdue, crew.model)

    def take_up_left_over(self) -> None:
        """What a stop or a crash left in hand, and the reports that it left unwritten."""
        for taken in left_over(self._config.folders.work):
            self._enqueue(taken)
        for study_key in self._store.reports.due():
            self._enqueue(WriteReport(study_key))

    def work_until(self, stop: Stop, *, once: bool) -> None:
        """Until asked to stop; with `once`, until nothing waits or the hours for it are over."""
        while not stop.asked:
            self._look_around()
            if not self.paused:
                self._hand_out()
                self._claim_ahead()
                self._hand_out()
            if once and self._is_over():
                return
            self._listen(self._seconds_to_wait())
            self.beat()

    def finish(self, seconds: float) -> None:
        """Waits so long for the files in hand; what is not finished then is taken up at the next start."""
        give_up = time.monotonic() + seconds
        while self._crew.busy and time.monotonic() < give_up:
            self._listen(1.0)
            self.beat()

    # What there is to do

    def _look_around(self) -> None:
        """Every now and then: may files be taken, is disk or database back, is a pause over, was a hand lost?"""
        now = time.monotonic()
        if now < self._next_look:
            return
        self._next_look = now + _SECONDS_BETWEEN_LOOKS
        self._watch.follow()
        self._say_paused(reason_to_pause(self._config))
        if self.backlog.seen.overdue != self._overdue:
            self._overdue = self.backlog.seen.overdue
            logger.warning("files stay unfinished in the inbox", extra={"files": self._overdue})
        for job in self._set_down:
            self._queue.appendleft(job)
        self._set_down.clear()
        self._enqueue_owed()
        try:
            while self._lost:
                self._record_loss(self._lost[0])
                self._lost.popleft()
            self._enqueue_retries()
            if not self._queue:  # housekeeping never holds up work
                remove_expired(self._config, self._store, datetime.now().astimezone().date())
        except (OSError, WorkFailed) as fault:
            logger.warning("disk or database does not answer", extra={"fault": where(fault)})

    def _say_paused(self, reason: str) -> None:
        if reason != self.paused:
            logger.warning("paused" if reason else "goes on", extra={"reason": reason} if reason else {})
        self.paused = reason

    def _enqueue(self, job: Job) -> None:
        self._queue.append(job)
        self._in_hand.add(job.id)

    def _enqueue_owed(self, *, at_once: bool = False) -> None:
        now = time.monotonic()
        for study_key in [key for key, until in self._owed.items() if at_once or now >= until]:
            del self._owed[study_key]
            self._enqueue(WriteReport(study_key))

    def _enqueue_retries(self) -> None:
        for record in self._store.files.due_retries(datetime.now(UTC)):
            if record.id in self._in_hand:
                continue
            # It waits in the work folder, or was parked; another daemon's is not ours.
            parked = Path(record.filed_as) if record.filed_as else None
            taken = claim_again(record.id, record.name, parked, self._config.folders.work)
            if taken is not None:
                self._enqueue(taken)

    def _claim_ahead(self) -> None:
        """So many files that a hand that becomes free need not wait for its next one, and no more."""
        self.backlog.refresh()
        while len(self._queue) < len(self._crew.hands) and (file := self.backlog.take()):
            try:
                taken = claim(file, self._config.folders.work)
            except OSError as fault:
                self.backlog.put_off(file)
                logger.warning("a file cannot be claimed", extra={"fault": where(fault)})
                continue
            if taken is not None:
                self._enqueue(taken)

    def _hand_out(self) -> None:
        while self._queue and self._crew.idle:
            self._crew.give(self._queue.popleft())

    def _is_over(self) -> bool:
        if self._crew.busy:
            return False
        if self.paused == OUTSIDE_HOURS:
            return True
        if self._queue or self._set_down or self._lost or not self.backlog.is_drained():
            return False
        self._enqueue_owed(at_once=True)
        return not self._queue

    # What came of it

    def _seconds_to_wait(self) -> float:
        next_look = max(0.0, self._next_look - time.monotonic())
        return next_look if self.paused else min(next_look, self.backlog.seconds_left())

    def _listen(self, seconds: float) -> None:
        for event in self._crew.listen(seconds, [self._watch.fileno()]):
            self._note(event)
        if self._watch.clear():
            self.backlog.stirred()

    def _note(self, event: Event) -> None:
        match event:
            case Done(job, state, code, owes=owes):
                self._in_hand.discard(job.id)
                if owes is not None:
                    self._owed[owes] = time.monotonic() + _SECONDS_OF_QUIET
                self._losses.pop(job.id, None)
                self.stages.note(event.spent_ms)
                self.spent_ms.update(event.spent_ms)
                self.cpu_ms.update(event.cpu_ms)
                if state is not None:
                    self._count(state, code)
            case SetDown(job):
                self._set_down.append(job)
                self._next_look = time.monotonic() + _SECONDS_SET_DOWN
                self._say_paused("disk or database does not answer")
            case Lost(job, code, detail):
                logger.warning("a hand was lost", extra={"file": job.id, "code": code, "detail": detail})
                self._lost.append(event)
                self._next_look = 0.0

    def _count(self, state: State, code: str | None) -> None:
        self.tally[state] += 1
        if code is not None and state is not State.DUPLICATE:
            self.codes[code] += 1

    def _record_loss(self, lost: Lost) -> None:
        """The file that a hand fell over failed, unless all but its filing was done: that is tried again."""
        job = lost.job
        self._losses[job.id] += 1
        if isinstance(job, Claim):
            failed = self._fail(job, lost)
            if failed is not None and not failed.parked:
                self._in_hand.discard(job.id)  # until its pause is over
                return
            if failed is not None or self._losses[job.id] < self._config.limits.max_tries:
                self._queue.append(job)
                return
        logger.error("given up until the next start", extra={"file": job.id, "code": lost.code})
        self._in_hand.discard(job.id)

    def _fail(self, job: Claim, lost: Lost) -> FileRecord | None:
        """The file as it failed; None if it had been settled before."""
        now = datetime.now(UTC)
        if self._store.files.find(job.id) is None:
            self._store.files.add_arrival(job.arrive(), now)
        if not self._store.files.start(job.id, _WORKER, take_over=True):
            return None
        outcome = Failed(job.named("", 0), lost.code, lost.detail)
        failed = self._store.files.fail(job.id, outcome, max_tries=self._config.limits.max_tries, now=now)
        self._count(State.FAILED, lost.code)
        return failed

    def beat(self) -> None:
        """Says that the loop goes round."""
        now = time.monotonic()
        pulse = self.pulse()
        self._service.alive(pulse.paused or f"{pulse.busy} of {pulse.hands} at work")
        if now > (self._next_beat if pulse == self._last_pulse else self._next_news):
            self._next_beat, self._next_news = now + _SECONDS_BETWEEN_BEATS, now + _SECONDS_BETWEEN_NEWS
            self._last_pulse = pulse
            beat(self._config.folders.work, pulse)
