"""Writes one received object into the inbox: with a neutral name, and only when it is completely on the disk."""

from __future__ import annotations

import contextlib
import fcntl
import os
import weakref
from collections.abc import Callable
from pathlib import Path

from koa_worker.system import durable
from koa_worker.system.dicom_bounds import TooMuchError
from koa_worker.values import new_id

_PREFIX, _SUFFIX = "received-", ".part"  # the intake ignores files that end in .part


class Landing:
    """An object while it arrives, piece by piece. If it is neither kept nor given up, it is removed with this value."""

    def __init__(self, inbox: Path | None, meta: bytes, *, most_bytes: int, most_head: int) -> None:
        """Opens a file in the inbox; without an inbox the object is received but not stored."""
        self.head = b""
        self.size = 0
        self.fault: OSError | None = None
        self._most_bytes, self._most_head = most_bytes, most_head
        self._inbox = inbox
        self._name = f"{_PREFIX}{new_id()}"
        self._part = inbox / f"{self._name}{_SUFFIX}" if inbox else None
        self._descriptor = -1
        self._discard: Callable[[], object] = lambda: None
        if self._part is not None:
            self._open(self._part, meta)

    def _open(self, part: Path, meta: bytes) -> None:
        try:
            self._descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except OSError as fault:
            self.fault = fault
            return
        self._discard = weakref.finalize(self, _discard, self._descriptor, part)
        fcntl.flock(self._descriptor, fcntl.LOCK_EX)  # see sweep
        self._append(meta)

    def write(self, data: bytes) -> None:
        """Appends bytes. An error of the disk is remembered: the sender is told when it has sent all."""
        self.size += len(data)
        if self.is_too_large:
            self.give_up()
            raise TooMuchError
        if len(self.head) < self._most_head:
            self.head += data[: self._most_head - len(self.head)]
        self._append(data)

    @property
    def is_too_large(self) -> bool:
        return self.size > self._most_bytes

    def _append(self, data: bytes) -> None:
        if self._descriptor < 0 or self.fault is not None:
            return
        try:
            while data:
                data = data[os.write(self._descriptor, data) :]
        except OSError as fault:
            self.fault = fault

    def keep(self) -> str:
        """Syncs and renames the file, and gives its name; removes it if the disk fails."""
        if self.fault is not None or self._inbox is None or self._part is None:
            self.give_up()
            raise self.fault or OSError
        whole = self._inbox / f"{self._name}.dcm"
        try:
            os.fsync(self._descriptor)
            durable.put_in_place(self._part, whole)
        finally:
            self.give_up()
        return whole.name

    def give_up(self) -> None:
        """Closes the file, and removes it unless it was renamed; a second call does nothing."""
        self._descriptor = -1
        self._discard()


def _discard(descriptor: int, part: Path) -> None:
    os.close(descriptor)
    with contextlib.suppress(OSError):
        part.unlink(missing_ok=True)


def sweep(inbox: Path) -> None:
    """Removes files that a kill left incomplete. Their senders got no success status and send them again.

    A lock ends with its process: a locked file is being written by another daemon with the same inbox.
    """
    durable.sweep(inbox, f"{_PREFIX}*{_SUFFIX}", _is_abandoned)


def _is_abandoned(part: Path) -> bool:
    with part.open("rb") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)  # raises OSError if somebody holds the lock
    return True
