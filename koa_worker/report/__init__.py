"""The PDF that a radiologist reads: `put` puts a complete draft in place, or the old report stays unchanged."""

from __future__ import annotations

import contextlib
import hashlib
import os
from pathlib import Path

from koa_worker import config
from koa_worker.errors import WorkFailed
from koa_worker.report.content import StudyReport
from koa_worker.report.pdf import render

__all__ = ["draft", "put", "sweep"]


def draft(path: Path, content: StudyReport, settings: config.Report) -> tuple[Path, str]:
    """Writes the complete report under a temporary name beside its final path; gives that path and its SHA-256."""
    data = render(content, settings)
    part = _part(path, content.revision)
    try:
        handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
    except OSError as fault:
        _discard(part)
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
        _sync_folder(path.parent)
    except OSError as fault:
        _discard(part)
        raise WorkFailed("io", fault.strerror or "") from fault


def _discard(part: Path) -> None:
    with contextlib.suppress(OSError):
        part.unlink()


def _sync_folder(folder: Path) -> None:
    """Writes the folder to disk: without this, the new name would not survive a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
