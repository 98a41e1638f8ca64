"""Lays one received object into the inbox: under a name that says nothing, and only when all of it is on the disk."""

from __future__ import annotations

import fcntl
from pathlib import Path

from koa_worker.system import durable
from koa_worker.values import new_id

_PREFIX, _SUFFIX = "received-", ".part"  # the intake passes files by that end in .part


def land(data: bytes, inbox: Path) -> str:
    """Writes, syncs, renames; leaves nothing behind when the disk refuses. Gives the file's name."""
    name = f"{_PREFIX}{new_id()}"
    part, whole = inbox / f"{name}{_SUFFIX}", inbox / f"{name}.dcm"
    with durable.whole_file(whole, part, exclusive=True) as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)  # see sweep
        stream.write(data)
    return whole.name


def sweep(inbox: Path) -> None:
    """What a kill left half-written; its sender was never told that it had arrived and sends it again.

    A lock lives as long as its process: what is locked is being written by another daemon on the same inbox.
    """
    durable.sweep(inbox, f"{_PREFIX}*{_SUFFIX}", _is_abandoned)


def _is_abandoned(part: Path) -> bool:
    with part.open("rb") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)  # an OSError where somebody holds it
    return True
