"""What lies in the inbox: files that might be radiographs, oldest first."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

# Names that exporters and copying programs give to what is still being written.
UNFINISHED = (".part", ".partial", ".tmp", ".temp", ".filepart", ".crdownload")


@dataclass(frozen=True, slots=True)
class Waiting:
    """A file in the inbox as a scan saw it."""

    path: Path
    size: int
    modified_ns: int


def list_waiting(inbox: Path) -> list[Waiting]:
    """Every file below `inbox` that may be taken once it is whole, oldest first."""
    return sorted(_walk(inbox), key=lambda waiting: (waiting.modified_ns, waiting.path))


def _walk(folder: Path) -> Iterator[Waiting]:
    try:
        entries = os.scandir(folder)
    except (FileNotFoundError, NotADirectoryError):
        return  # removed since its parent was read: nothing waits there
    with entries:
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if entry.is_dir(follow_symlinks=False):
                yield from _walk(Path(entry.path))
            elif not entry.name.lower().endswith(UNFINISHED):
                yield from _as_waiting(entry)


def _as_waiting(entry: os.DirEntry[str]) -> Iterator[Waiting]:
    try:
        facts = entry.stat(follow_symlinks=False)
    except FileNotFoundError:
        return  # taken by another worker between the two calls
    # A link could lead out of the inbox, and a pipe would never end: only plain files are taken.
    if stat.S_ISREG(facts.st_mode) and facts.st_size > 0:
        yield Waiting(Path(entry.path), facts.st_size, facts.st_mtime_ns)
