"""Takes one file out of the inbox so that nobody else can.

The claim is a rename: on one file system, including NFS, exactly one of several workers succeeds. Before it, a note
with the file's original name is written, because that name may contain a patient's and is not part of any later path.
A crash between the two leaves a note without a file, which means that nothing was taken.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from koa_worker.intake.file_hash import load_and_digest
from koa_worker.intake.inbox import Waiting
from koa_worker.intake.own_copy import make_own
from koa_worker.system.durable import private_file
from koa_worker.values import Arrival, new_id

_FILE, _NOTE = ".file", ".json"
_RECEIVED = re.compile(r"received-[0-9a-f]{32}\.dcm")  # see receive/landing.py


@dataclass(frozen=True, slots=True)
class Claim:
    """A claimed file: it is in the work folder, and its id is its name."""

    id: str
    path: Path
    name: str

    def load(self, most: int) -> tuple[Arrival, bytes | None]:
        """The arrival of the file with its hash, and its bytes, if there are at most `most`.

        From here on no other account can change the file.
        """
        make_own(self.path)
        data, sha256 = load_and_digest(self.path, most)
        return self.named(sha256, self.path.stat().st_size), data

    @property
    def received_as(self) -> str | None:
        """The name that our receiver gave the file; None for any other name, which may be a patient's."""
        return self.name if _RECEIVED.fullmatch(self.name) else None

    def has_note(self) -> bool:
        """Whether the note exists; if the work folder is gone, it does not."""
        return self.path.with_suffix(_NOTE).exists()

    def named(self, sha256: str, size: int) -> Arrival:
        """The arrival of the file, if hash and size are known already."""
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
        seen = _as_seen(waiting)
        if seen is None:
            note.unlink()
            return None
        waiting.path.rename(target)
        if not _take_over(target, seen):  # the file was replaced between the check and the rename
            _put_back(target, waiting.path)
            note.unlink()
            return None
    except FileNotFoundError:
        note.unlink()
        return None
    except OSError:
        note.unlink(missing_ok=True)
        raise
    return Claim(file_id, target, waiting.path.name)


def _as_seen(waiting: Waiting) -> os.stat_result | None:
    """The file's status, if it is still the file that was found complete; None if another one has its name."""
    facts = waiting.path.lstat()
    same = (facts.st_size, facts.st_mtime_ns) == (waiting.size, waiting.modified_ns)
    return facts if stat.S_ISREG(facts.st_mode) and same else None


def _take_over(target: Path, seen: os.stat_result) -> bool:
    """Makes the file private, if it is the same file that was seen; no link is followed."""
    descriptor = os.open(target, os.O_PATH | os.O_NOFOLLOW)
    try:
        facts = os.fstat(descriptor)
        if not stat.S_ISREG(facts.st_mode) or not os.path.samestat(facts, seen):
            return False
        with contextlib.suppress(OSError):  # the exporter's own file; the work folder's 0700 protects it
            Path(f"/proc/self/fd/{descriptor}").chmod(0o600)
        return True
    finally:
        os.close(descriptor)


def _put_back(target: Path, origin: Path) -> None:
    """Moves a wrong file back. The next scan finds a plain file again, and ignores a link or a folder."""
    if target.is_symlink() and os.path.lexists(origin):
        target.unlink()
    else:
        target.rename(origin)


def left_over(work: Path) -> Iterator[Claim]:
    """The files that a stopped daemon had claimed; notes without a file are removed."""
    for note in sorted(work.glob(f"*{_NOTE}")):
        path = note.with_suffix(_FILE)
        if path.is_symlink():
            path.unlink()  # the file was replaced during a claim that a kill interrupted
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
    with private_file(note) as stream:
        stream.write(json.dumps({"name": name}).encode())  # ASCII can also store names that are not Unicode


def _read_name(note: Path) -> str:
    try:
        return str(json.loads(note.read_text(encoding="utf-8"))["name"])
    except (ValueError, KeyError):
        return ""  # the power failed before the note reached the disk; the file itself is more important
