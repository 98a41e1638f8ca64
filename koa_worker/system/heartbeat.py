"""The heartbeat: whether a daemon runs in this work folder, and its state. The daemon writes it, `status` reads it."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from enum import Enum, StrEnum, auto
from pathlib import Path
from typing import Any

from koa_worker.errors import SetupError
from koa_worker.system.concern import Concern

_LOCK, _PULSE = ".lock", ".pulse"
# The worker processes hold the lock too: those of a killed daemon live a moment longer than the daemon.
_SECONDS_TO_LET_GO = 3.0
_SECONDS_WITHOUT_BEAT = 60.0


class PauseReason(StrEnum):
    """Why the daemon takes no file."""

    OUTSIDE_HOURS = "outside_hours"
    DISK_NEARLY_FULL = "disk_nearly_full"
    NO_ANSWER = "no_answer"


# The words for `status`, the page and the log.
PAUSE_WORDS = {
    PauseReason.OUTSIDE_HOURS: "outside run_between",
    PauseReason.DISK_NEARLY_FULL: "disk nearly full",
    PauseReason.NO_ANSWER: "disk or database does not answer",
}


class Condition(Enum):
    """The state of a work folder's daemon."""

    RUNNING = auto()
    PAUSED = auto()
    SILENT = auto()  # it runs, but its last heartbeat is too old
    NOT_RUNNING = auto()

    @property
    def is_well(self) -> bool:
        """A paused daemon is healthy; one that does not run or is silent is not."""
        return self in {Condition.RUNNING, Condition.PAUSED}


@dataclass(frozen=True, slots=True)
class Pulse:
    """The state of the daemon at one moment."""

    workers: int
    busy: int
    paused: PauseReason | None  # None while files are taken
    overdue: int  # incomplete files that have not changed for too long
    model: str
    paused_since: float | None = None  # seconds since the epoch
    concerns: tuple[Concern, ...] = ()  # as the daemon sees them


@contextmanager
def sole_owner(work: Path) -> Iterator[int]:
    """Holds the lock of the work folder, and gives its descriptor, so that the worker processes can hold it too.

    Two daemons in one work folder would each treat the other's files as left over by a crash.
    """
    with (work / _LOCK).open("a") as lock:
        give_up = time.monotonic() + _SECONDS_TO_LET_GO
        while not _lock(lock.fileno()):
            if time.monotonic() > give_up:
                raise SetupError("folders", "another worker uses this work folder; give each its own")
            time.sleep(0.05)
        try:
            yield lock.fileno()
        finally:
            (work / _PULSE).unlink(missing_ok=True)


def is_there(work: Path) -> bool:
    """Whether the work folder itself exists, and not only the mount point of its disk."""
    return (work / _LOCK).exists()


def has_owner(work: Path) -> bool:
    """Whether a daemon or one of its worker processes uses the work folder, even before its first heartbeat."""
    try:
        with (work / _LOCK).open() as lock:
            return not _lock(lock.fileno())
    except FileNotFoundError:
        return False


def beat(work: Path, pulse: Pulse) -> None:
    """Writes the heartbeat. If the disk is full, it only updates the time of the last one: the daemon still lives."""
    temporary = work / f"{_PULSE}.tmp"
    try:
        temporary.write_text(json.dumps(asdict(pulse)), encoding="ascii")
        temporary.replace(work / _PULSE)
    except OSError:
        with contextlib.suppress(OSError):
            os.utime(work / _PULSE)


def feel(work: Path) -> tuple[Pulse, float] | None:
    """The last heartbeat and its age in seconds; None if no daemon runs here."""
    try:
        with (work / _LOCK).open() as lock:
            if _lock(lock.fileno()):
                return None  # nobody holds it
        path = work / _PULSE
        return _read(json.loads(path.read_text(encoding="ascii"))), _age_seconds(path)
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _age_seconds(path: Path) -> float:
    """The age. A heartbeat from the future was written before the clock was set back: its age is unknown."""
    age = time.time() - path.stat().st_mtime
    return abs(age) if age < -_SECONDS_WITHOUT_BEAT else max(0.0, age)


def condition_of(felt: tuple[Pulse, float] | None) -> Condition:
    """The state of the daemon, from the result of `feel`."""
    if felt is None:
        return Condition.NOT_RUNNING
    pulse, age_seconds = felt
    if age_seconds > _SECONDS_WITHOUT_BEAT:
        return Condition.SILENT
    return Condition.PAUSED if pulse.paused else Condition.RUNNING


def _read(written: dict[str, Any]) -> Pulse:
    paused = written["paused"]
    concerns = tuple(Concern(**one) for one in written.get("concerns", ()))
    return Pulse(**{**written, "paused": PauseReason(paused) if paused else None, "concerns": concerns})


def _lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
