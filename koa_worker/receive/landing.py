"""Writes one received object into the inbox: with a neutral name, and only when all of it is on the disk."""

from __future__ import annotations

import fcntl
from pathlib import Path

from koa_worker.system import durable
from koa_worker.values import new_id

_PREFIX, _SUFFIX = "received-", ".part"  # the intake ignores files that end in .part


def land(data: bytes, inbox: Path) -> str:
    """Writes, syncs and renames the file, and gives its name. If the disk fails, no part of it is left."""
    name = f"{_PREFIX}{new_id()}"
    part, whole = inbox / f"{name}{_SUFFIX}", inbox / f"{name}.dcm"
    with durable.whole_file(whole, part, exclusive=True) as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)  # see sweep
        stream.write(data)
    return whole.name


def sweep(inbox: Path) -> None:
    """Removes files that a kill left half-written. Their senders got no success status and send them again.

    A lock ends with its process: a locked file is being written by another daemon with the same inbox.
    """
    durable.sweep(inbox, f"{_PREFIX}*{_SUFFIX}", _is_abandoned)


def _is_abandoned(part: Path) -> bool:
    with part.open("rb") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)  # an OSError where somebody holds it
    return True
