"""The PDF that a radiologist reads: `write` puts a whole one in place, or leaves the old one as it was."""

from __future__ import annotations

import contextlib
import hashlib
from pathlib import Path

from koa_worker import config
from koa_worker.errors import WorkFailed
from koa_worker.report.content import StudyReport
from koa_worker.report.pdf import render
from koa_worker.system.durable import private_file, sync_folder

__all__ = ["draft", "put", "sweep", "write"]


def write(path: Path, content: StudyReport, settings: config.Report) -> None:
    """Renders and files the report: never half-written, and readable by its owner only."""
    part, _ = draft(path, content, settings)
    put(part, path)


def draft(path: Path, content: StudyReport, settings: config.Report) -> tuple[Path, str]:
    """The whole report on the disk, beside where it belongs, and its SHA-256."""
    data = render(content, settings)
    part = _part(path, content.revision)
    try:
        with private_file(part) as stream:
            stream.write(data)
    except OSError as fault:
        raise WorkFailed("io", fault.strerror or "") from fault
    return part, hashlib.sha256(data).hexdigest()


def sweep(path: Path, revision: int) -> None:
    """Drops the drafts up to `revision`: its own if it was not put, and what a crash left.

    By their names: to look for them in a folder of thousands of reports takes longer than to write one.
    """
    for number in range(1, revision + 1):
        _discard(_part(path, number))


def _part(path: Path, revision: int) -> Path:
    return path.with_name(f".{path.stem}-{revision}.part")


def put(part: Path, path: Path) -> None:
    """The draft takes the report's name; done twice, the second time does nothing."""
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
