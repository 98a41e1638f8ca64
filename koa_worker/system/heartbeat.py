"""Whether a daemon works in this work folder, and what it is doing: written by the daemon, read by `status`."""

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
# The hands hold the lock too: those of a daemon that was killed live for a moment longer than itself.
_SECONDS_TO_LET_GO = 3.0


@dataclass(frozen=True, slots=True)
class Pulse:
    """The daemon at one moment."""

    hands: int
    busy: int
    paused: str  # why no file is taken; empty while files are taken
    overdue: int  # unfinished files that have not changed for too long
    model: str


@contextmanager
def sole_owner(work: Path) -> Iterator[int]:
    """Gives the lock, for the hands to hold as well.

    Two daemons in one work folder would take up each other's files as left over.
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
    """Says that the daemon is alive. A full disk is no reason to stop."""
    temporary = work / f"{_PULSE}.tmp"
    with contextlib.suppress(OSError):
        temporary.write_text(json.dumps(asdict(pulse)), encoding="ascii")
        temporary.replace(work / _PULSE)


def feel(work: Path) -> tuple[Pulse, float] | None:
    """The last beat and its age in seconds; None when no daemon works here."""
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
