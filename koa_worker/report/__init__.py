"""The PDF that a radiologist reads: `write` puts a whole one in place, or leaves the old one as it was."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path

from koa_worker import config
from koa_worker.errors import WorkFailed
from koa_worker.report.content import StudyReport
from koa_worker.report.pdf import render

__all__ = ["write"]


def write(path: Path, content: StudyReport, settings: config.Report) -> None:
    """Renders and files the report: never half-written, and readable by its owner only."""
    data = render(content, settings)
    try:
        _replace(path, data)
    except OSError as fault:
        raise WorkFailed("io", fault.strerror or "") from fault


def _replace(path: Path, data: bytes) -> None:
    """A new file beside the old one takes its name once every byte is on the disk (mkstemp makes it 0600)."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".report-", suffix=".part")
    part = Path(name)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        part.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            part.unlink()
        raise
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    """The new name itself survives a power cut only when its folder is on the disk too."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
