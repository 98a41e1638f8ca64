"""Scans the inbox for files that might be radiographs, oldest first."""

from __future__ import annotations

import heapq
import os
import stat
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

# Extensions that exporters and copying programs give to files that are still being written.
UNFINISHED = (".part", ".partial", ".tmp", ".temp", ".filepart", ".crdownload")
# The number of oldest files that a scan keeps, however many wait.
AT_A_TIME = 2000


@dataclass(frozen=True, slots=True)
class Waiting:
    """A file in the inbox as a scan saw it."""

    modified_ns: int
    path: Path
    size: int


@dataclass(frozen=True, slots=True)
class Scan:
    """The result of one scan of the inbox."""

    oldest: tuple[Waiting, ...]  # files that can be taken when they are complete
    total: int  # the number of such files, without the limit
    overdue: int  # incomplete and empty files that have not changed for too long
    unreadable: int  # folders that could not be read


class _Count:
    def __init__(self) -> None:
        self.total = self.overdue = self.unreadable = 0


def scan(inbox: Path, *, overdue_minutes: float = 60.0, limit: int = AT_A_TIME) -> Scan:
    """Lists every file below `inbox`; memory grows with `limit`, not with the number of files."""
    count = _Count()
    overdue_before = time.time_ns() - int(overdue_minutes * 60e9)
    oldest = heapq.nsmallest(limit, _waiting(inbox, overdue_before, count))
    found = tuple(Waiting(modified_ns, Path(path), size) for modified_ns, path, size in oldest)
    return Scan(found, count.total, count.overdue, count.unreadable)


def _waiting(inbox: Path, overdue_before: int, count: _Count) -> Iterator[tuple[int, str, int]]:
    """The waiting files as plain tuples, which are made and compared several times faster than values."""
    for entry in _walk(inbox, count):
        try:
            facts = entry.stat(follow_symlinks=False)
        except OSError:
            continue  # taken by another worker between the two calls
        # A link could point out of the inbox, and a pipe would never end: only regular files are taken.
        if not stat.S_ISREG(facts.st_mode):
            continue
        if facts.st_size == 0 or entry.name.startswith(".") or entry.name.lower().endswith(UNFINISHED):
            count.overdue += facts.st_mtime_ns <= overdue_before
            continue
        count.total += 1
        yield facts.st_mtime_ns, entry.path, facts.st_size


def _walk(inbox: Path, count: _Count) -> Iterator[os.DirEntry[str]]:
    """Every entry that is not a folder, without recursion, because an exporter may nest folders to any depth."""
    folders = [os.fspath(inbox)]
    while folders:
        try:
            entries = os.scandir(folders.pop())
        except (FileNotFoundError, NotADirectoryError):
            continue  # removed since its parent was read: no file waits there
        except OSError:
            count.unreadable += 1
            continue
        with entries:
            for entry in entries:
                if not entry.is_dir(follow_symlinks=False):
                    yield entry
                elif not entry.name.startswith("."):
                    folders.append(entry.path)
