"""The heartbeat: whether a daemon runs in this work folder and what it does. The daemon writes, `status` reads."""

from __future__ import annotations

import contextlib
import fcntl
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from koa_worker.errors import SetupError

_LOCK, _PULSE = ".lock", ".pulse"
# The worker processes hold the lock too: those of a killed daemon live a moment longer than the daemon.
_SECONDS_TO_LET_GO = 3.0


@dataclass(frozen=True, slots=True)
class Pulse:
    """The state of the daemon at one moment."""

    hands: int
    busy: int
    paused: str  # the reason why no file is taken; empty while files are taken
    overdue: int  # incomplete files that have not changed for too long
    model: str


@contextmanager
def sole_owner(work: Path) -> Iterator[int]:
    """Holds the lock of the work folder, and gives it, so that the worker processes can hold it too.

    Two daemons in one work folder would take each other's files for leftovers.
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


def beat(work: Path, pulse: Pulse) -> None:
    """Writes the heartbeat. A full disk is no reason to stop."""
    temporary = work / f"{_PULSE}.tmp"
    with contextlib.suppress(OSError):
        temporary.write_text(json.dumps(asdict(pulse)), encoding="ascii")
        temporary.replace(work / _PULSE)


def feel(work: Path) -> tuple[Pulse, float] | None:
    """The last heartbeat and its age in seconds; None if no daemon runs here."""
    try:
        with (work / _LOCK).open() as lock:
            if _lock(lock.fileno()):
                return None  # nobody holds it
        path = work / _PULSE
        return Pulse(**json.loads(path.read_text(encoding="ascii"))), max(0.0, time.time() - path.stat().st_mtime)
    except (OSError, ValueError, TypeError):
        return None


def _lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
