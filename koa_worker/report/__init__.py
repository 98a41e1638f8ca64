"""The PDF file of a report: `put` replaces the old file by a complete draft, or leaves it unchanged."""

from __future__ import annotations

import contextlib
import hashlib
from pathlib import Path

from koa_worker.errors import WorkFailed
from koa_worker.system.durable import private_file, sync_folder

__all__ = ["draft", "put", "sweep"]


def draft(path: Path, revision: int, data: bytes) -> tuple[Path, str]:
    """Writes the complete report under a temporary name beside its final path; gives that path and its SHA-256."""
    part = _part(path, revision)
    try:
        with private_file(part) as stream:
            stream.write(data)
    except OSError as fault:
        raise WorkFailed("io", fault.strerror or "") from fault
    return part, hashlib.sha256(data).hexdigest()


def sweep(path: Path, revision: int) -> None:
    """Removes the drafts up to `revision`: its own if it was not put in place, and those that a crash left.

    They are removed by name: listing a folder with thousands of reports takes longer than writing one.
    """
    for number in range(1, revision + 1):
        _discard(_part(path, number))


def _part(path: Path, revision: int) -> Path:
    return path.with_name(f".{path.stem}-{revision}.part")


def put(part: Path, path: Path) -> None:
    """Renames the draft to the report's name. A second call changes nothing."""
    try:
        with contextlib.suppress(FileNotFoundError):
            part.replace(path)
        sync_folder(path.parent)
    except OSError as fault:
        _discard(part)
        raise WorkFailed("io", fault.strerror or "") from fault


def _discard(part: Path) -> None:
    with contextlib.suppress(OSError):
        part.unlink()
