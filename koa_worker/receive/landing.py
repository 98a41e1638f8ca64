"""Lays one received object into the inbox: under a name that says nothing, and only when all of it is on the disk."""

from __future__ import annotations

import contextlib
import fcntl
import os
from pathlib import Path

from koa_worker.values import new_id

_PREFIX, _SUFFIX = "received-", ".part"  # the intake passes files by that end in .part


def land(data: bytes, inbox: Path) -> str:
    """Writes, syncs, renames; leaves nothing behind when the disk refuses. Gives the file's name."""
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
    """What a kill left half-written; its sender was never told that it had arrived and sends it again.

    A lock lives as long as its process: what is locked is being written by another daemon on the same inbox.
    """
    for part in inbox.glob(f"{_PREFIX}*{_SUFFIX}"):
        with contextlib.suppress(OSError), part.open("rb") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            part.unlink()


def _sync_folder(folder: Path) -> None:
    """The sender is told that we have it, so the new name must survive a power cut as well."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
