"""Writes one received object into the inbox: with a neutral name, and only when all of it is on the disk."""

from __future__ import annotations

import contextlib
import fcntl
import os
from pathlib import Path

from koa_worker.values import new_id

_PREFIX, _SUFFIX = "received-", ".part"  # the intake ignores files that end in .part


def land(data: bytes, inbox: Path) -> str:
    """Writes, syncs and renames the file, and gives its name. If the disk fails, no part of it is left."""
    name = f"{_PREFIX}{new_id()}"
    part, whole = inbox / f"{name}{_SUFFIX}", inbox / f"{name}.dcm"
    try:
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX)  # see sweep
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        part.rename(whole)
        _sync_folder(inbox)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    return whole.name


def sweep(inbox: Path) -> None:
    """Removes files that a kill left half-written. Their senders got no success status and send them again.

    A lock ends with its process: a locked file is being written by another daemon with the same inbox.
    """
    for part in inbox.glob(f"{_PREFIX}*{_SUFFIX}"):
        with contextlib.suppress(OSError), part.open("rb") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            part.unlink()


def _sync_folder(folder: Path) -> None:
    """Writes the folder to disk: the sender is told that the object is stored, so its name must survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
