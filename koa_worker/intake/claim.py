"""Takes one file out of the inbox so that nobody else can.

The claim is a rename: on one file system, including NFS, exactly one of several workers succeeds. Before it, a note
with the file's original name is written, because that name may contain a patient's and is not part of any later path.
A crash between the two leaves a note without a file, which means that nothing was taken.
"""

from __future__ import annotations

import contextlib
import json
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from koa_worker.intake.identity import digest
from koa_worker.intake.inbox import Waiting
from koa_worker.values import Arrival, new_id

_FILE, _NOTE = ".file", ".json"


@dataclass(frozen=True, slots=True)
class Claim:
    """A claimed file: it is in the work folder, and its id is its name."""

    id: str
    path: Path
    name: str

    def arrive(self) -> Arrival:
        """The arrival of the file, with its hash."""
        return self.named(digest(self.path), self.path.stat().st_size)

    def has_note(self) -> bool:
        """Whether the note exists; if the work folder is gone, it does not."""
        return self.path.with_suffix(_NOTE).exists()

    def named(self, sha256: str, size: int) -> Arrival:
        """The arrival of the file, with a hash and a size that are known already."""
        return Arrival(self.path, sha256, size, self.name, self.id)

    def release(self) -> None:
        """Removes the note when the file has been filed elsewhere."""
        self.path.with_suffix(_NOTE).unlink(missing_ok=True)


def claim(waiting: Waiting, work: Path) -> Claim | None:
    """Moves the file into `work` under a new id; None if another worker was faster, or the file is gone or changed."""
    file_id = new_id()
    target = work / f"{file_id}{_FILE}"
    note = target.with_suffix(_NOTE)
    try:
        _write_note(note, waiting.path.name)
        if not _is_as_seen(waiting):
            note.unlink()
            return None
        waiting.path.rename(target)
    except FileNotFoundError:
        note.unlink()
        return None
    except OSError:
        note.unlink(missing_ok=True)
        raise
    with contextlib.suppress(
        PermissionError
    ):  # the file belongs to the exporter; the work folder's mode 0700 protects it
        target.chmod(0o600)
    return Claim(file_id, target, waiting.path.name)


def _is_as_seen(waiting: Waiting) -> bool:
    """Whether the file is unchanged: another file may have been written under the same name since the scan."""
    facts = waiting.path.lstat()
    return stat.S_ISREG(facts.st_mode) and (facts.st_size, facts.st_mtime_ns) == (waiting.size, waiting.modified_ns)


def left_over(work: Path) -> Iterator[Claim]:
    """The files that a stopped daemon had claimed; notes without a file are removed."""
    for note in sorted(work.glob(f"*{_NOTE}")):
        path = note.with_suffix(_FILE)
        if path.is_file():
            yield Claim(note.stem, path, _read_name(note))
        else:
            note.unlink()


def claim_again(file_id: str, name: str, parked: Path | None, work: Path) -> Claim | None:
    """Claims a file that failed before; None if it is neither in the work folder nor parked."""
    path = work / f"{file_id}{_FILE}"
    if not path.exists():
        if parked is None or not parked.exists():
            return None
        note = path.with_suffix(_NOTE)
        _write_note(note, name)
        try:
            parked.rename(path)
        except FileNotFoundError:  # another worker claimed it
            note.unlink()
            return None
        parked.with_name(f"{parked.name}.reason.txt").unlink(missing_ok=True)
    return Claim(file_id, path, name)


def _write_note(note: Path, name: str) -> None:
    descriptor = os.open(note, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        json.dump({"name": name}, stream)  # as ASCII, which can also store names that are not valid Unicode
        stream.flush()
        os.fsync(stream.fileno())


def _read_name(note: Path) -> str:
    try:
        return str(json.loads(note.read_text(encoding="utf-8"))["name"])
    except (ValueError, KeyError):
        return ""  # the power failed before the note reached the disk; the file itself is what matters
