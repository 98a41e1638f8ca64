"""Takes one file out of the inbox so that nobody else can.

The claim is a rename: on one file system, NFS included, exactly one of several workers succeeds. A note with what the
file was called goes ahead of it, because the name may hold a patient's and is therefore no part of any path from here
on. A crash between the two leaves a note without a file, which means nothing was taken.
"""

from __future__ import annotations

import contextlib
import json
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from koa_worker.intake.identity import digest
from koa_worker.intake.inbox import Waiting
from koa_worker.system.durable import private_file
from koa_worker.values import Arrival, new_id

_FILE, _NOTE = ".file", ".json"


@dataclass(frozen=True, slots=True)
class Claim:
    """A file in hand: it lies in the work folder under its id."""

    id: str
    path: Path
    name: str

    def arrive(self) -> Arrival:
        """What lies there, hashed."""
        return self.named(digest(self.path), self.path.stat().st_size)

    def has_note(self) -> bool:
        """Whether its note is there, and with it the folder."""
        return self.path.with_suffix(_NOTE).exists()

    def named(self, sha256: str, size: int) -> Arrival:
        """The same with what is known of its bytes already."""
        return Arrival(self.path, sha256, size, self.name, self.id)

    def release(self) -> None:
        """Forgets the note once the file has been filed elsewhere."""
        self.path.with_suffix(_NOTE).unlink(missing_ok=True)


def claim(waiting: Waiting, work: Path) -> Claim | None:
    """Moves the file into `work` under a new id; None when another worker was quicker, it was withdrawn or changed."""
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
    with contextlib.suppress(PermissionError):  # the exporter's own file; the work folder's 0700 protects it
        target.chmod(0o600)
    return Claim(file_id, target, waiting.path.name)


def _is_as_seen(waiting: Waiting) -> bool:
    """Since it was found whole, another file may have been written under the same name."""
    facts = waiting.path.lstat()
    return stat.S_ISREG(facts.st_mode) and (facts.st_size, facts.st_mtime_ns) == (waiting.size, waiting.modified_ns)


def left_over(work: Path) -> Iterator[Claim]:
    """What a stopped worker had in hand; notes without a file are swept away."""
    for note in sorted(work.glob(f"*{_NOTE}")):
        path = note.with_suffix(_FILE)
        if path.is_file():
            yield Claim(note.stem, path, _read_name(note))
        else:
            note.unlink()


def claim_again(file_id: str, name: str, parked: Path | None, work: Path) -> Claim | None:
    """A file that failed before, in hand again; None if it lies in neither place."""
    path = work / f"{file_id}{_FILE}"
    if not path.exists():
        if parked is None or not parked.exists():
            return None
        note = path.with_suffix(_NOTE)
        _write_note(note, name)
        try:
            parked.rename(path)
        except FileNotFoundError:  # another worker put it in hand
            note.unlink()
            return None
        parked.with_name(f"{parked.name}.reason.txt").unlink(missing_ok=True)
    return Claim(file_id, path, name)


def _write_note(note: Path, name: str) -> None:
    with private_file(note) as stream:
        stream.write(json.dumps({"name": name}).encode())  # as ASCII, which holds names that are not Unicode too


def _read_name(note: Path) -> str:
    try:
        return str(json.loads(note.read_text(encoding="utf-8"))["name"])
    except (ValueError, KeyError):
        return ""  # the power failed before the note reached the disk; the file itself is what matters
