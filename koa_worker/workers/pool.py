"""The worker processes as the foreman sees them: gives them jobs, hears what came of it, replaces those that fall."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait
from types import TracebackType
from typing import Self

from koa_worker.config import Config
from koa_worker.errors import SetupError, WorkFailed
from koa_worker.workers.messages import Done, Event, Examined, Grading, Lost, Order, Ready, Refused, SetDown

_LOOK_EVERY = 0.1  # seconds between two looks at memory and time of a busy hand
_SECONDS_TO_START = 120.0
# Besides grading, a file waits for disk and database, which may answer late; a hand that is silent longer hangs.
_SECONDS_TO_KEEP = 600.0
_MOST_FALSE_STARTS = 5


def cores() -> int:
    """That this process may use, which in a container are fewer than the machine has."""
    return len(os.sched_getaffinity(0))


@dataclass(slots=True)
class Hand:
    """A worker process and what it has to do."""

    process: subprocess.Popen[bytes]
    line: Connection
    ready: bool = False
    job: Order | None = None
    deadline: float = field(default_factory=lambda: time.monotonic() + _SECONDS_TO_START)

    def resident_mb(self) -> float:
        try:
            with open(f"/proc/{self.process.pid}/statm", "rb", buffering=0) as facts:  # noqa: PTH123
                pages = int(facts.read().split()[1])
        except (OSError, IndexError):
            return 0.0  # it has just ended
        return pages * os.sysconf("SC_PAGE_SIZE") / (1 << 20)


class Crew:
    """`with Crew(config, 2) as crew:` gives two hands, and as many for as long as it lasts."""

    def __init__(
        self, config: Config, size: int, kept_open: Sequence[int] = (), program: str = "koa_worker.workers.child"
    ) -> None:
        """The hands run `program` and inherit the descriptors `kept_open`."""
        self._config = config
        self._program = program
        self._kept_open = tuple(kept_open)
        self._false_starts = 0
        self._killed: dict[int, tuple[str, str]] = {}
        self.model = self.digest = ""  # known once a hand is ready
        self.fallen = 0
        self.hands = [self._hire() for _ in range(size)]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Idle hands leave when the line is closed; what a busy one was doing is taken up at the next start."""
        for hand in self.hands:
            if hand.job is not None or not hand.ready:
                hand.process.kill()
            hand.line.close()
        for hand in self.hands:
            try:
                hand.process.wait(5.0)
            except subprocess.TimeoutExpired:
                hand.process.kill()
                hand.process.wait()

    @property
    def busy(self) -> int:
        return sum(hand.job is not None for hand in self.hands)

    @property
    def idle(self) -> int:
        return sum(hand.ready and hand.job is None for hand in self.hands)

    @property
    def ready(self) -> bool:
        return all(hand.ready for hand in self.hands)

    def give(self, job: Order) -> None:
        """To a hand that is free; there must be one."""
        hand = next(hand for hand in self.hands if hand.ready and hand.job is None)
        hand.job, hand.deadline = job, time.monotonic() + _SECONDS_TO_KEEP
        try:
            hand.line.send(job)
        except OSError:
            return  # it has just died: the next look finds the job lost

    def listen(self, seconds: float, beside: Sequence[int] = ()) -> list[Event]:
        """Waits until a hand says something or one of the descriptors `beside` is readable; gives what came of jobs."""
        watched = self.busy or not self.ready
        lines = {hand.line: hand for hand in self.hands}
        both: list[Connection | int] = [*lines, *beside]
        speaking = wait(both, min(seconds, _LOOK_EVERY) if watched else seconds)
        spoken = [lines[line] for line in speaking if isinstance(line, Connection)]
        events = [event for hand in spoken for event in self._hear(hand)]
        for hand in list(self.hands):
            self._look_after(hand)
        return events

    def _hire(self) -> Hand:
        ours, theirs = Pipe()
        with theirs:
            words = [sys.executable, "-m", self._program, str(theirs.fileno()), str(os.getpid())]
            process = subprocess.Popen(words, pass_fds=[theirs.fileno(), *self._kept_open], stdin=subprocess.DEVNULL)  # noqa: S603
        hand = Hand(process, ours)
        with contextlib.suppress(OSError):  # it died at once, which the next look finds
            ours.send(self._config)
        return hand

    def _hear(self, hand: Hand) -> list[Event]:
        events: list[Event] = []
        try:
            while hand.line.poll():
                events += self._understand(hand, hand.line.recv())
        except (EOFError, OSError):
            events += self._replace(hand)
        return events

    def _understand(self, hand: Hand, said: object) -> list[Event]:
        match said:
            case Ready():
                hand.ready, self._false_starts = True, 0
                self.model, self.digest = said.model, said.digest
            case Refused(code, detail):
                raise SetupError(code, detail)
            case Grading(on):
                limit = self._config.limits.seconds_per_file if on else _SECONDS_TO_KEEP
                hand.deadline = time.monotonic() + limit
            case Done() | SetDown() | Examined():
                hand.job = None
                return [said]
        return []

    def _look_after(self, hand: Hand) -> None:
        """Ends a hand that takes too long or too much; its line then says so."""
        if hand.ready and hand.job is None:
            return
        limits = self._config.limits
        if time.monotonic() > hand.deadline:
            self._kill(hand, "timed_out", "")
        elif (used := hand.resident_mb()) > limits.memory_mb:
            self._kill(hand, "out_of_memory", f"{used:.0f} MB")

    def _kill(self, hand: Hand, code: str, detail: str) -> None:
        self._killed[hand.process.pid] = (code, detail)
        hand.process.kill()

    def _replace(self, hand: Hand) -> list[Event]:
        """A new hand for one that fell; the job that it had is lost with its cause."""
        hand.line.close()
        ending = hand.process.wait()
        code, detail = self._killed.pop(hand.process.pid, ("worker_crashed", _name_ending(ending)))
        if not hand.ready:
            self._false_starts += 1
            if self._false_starts >= _MOST_FALSE_STARTS:
                raise WorkFailed("worker_crashed", f"{detail or code}, {self._false_starts} times at its start")
        self.fallen += 1
        self.hands[self.hands.index(hand)] = self._hire()
        return [Lost(hand.job, code, detail)] if hand.job is not None else []


def _name_ending(ending: int) -> str:
    return f"signal {-ending}" if ending < 0 else f"exit code {ending}"
