"""Files that only their owner can read, and that are complete or absent after a power cut.

An fsync of a file puts its bytes on the disk; an fsync of its folder puts its name there. Both must have happened
before a sender is told that its radiograph is stored.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


@contextmanager
def private_file(path: Path, *, exclusive: bool = False) -> Iterator[BinaryIO]:
    """A file to write to: on the disk when the block ends, removed when the block fails.

    An existing file is overwritten; with `exclusive` it is an error.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | (os.O_EXCL if exclusive else os.O_TRUNC), 0o600)
    with _gone_after_failure(path), os.fdopen(descriptor, "wb") as stream:
        yield stream
        stream.flush()
        os.fsync(stream.fileno())


@contextmanager
def whole_file(path: Path, part: Path, *, exclusive: bool = False) -> Iterator[BinaryIO]:
    """The same under the temporary name `part`, which is renamed to `path` when the block ends.

    Readers of `path` see the old file or the complete new file.
    """
    with private_file(part, exclusive=exclusive) as stream:
        yield stream
    with _gone_after_failure(part):
        put_in_place(part, path)


def put_in_place(part: Path, path: Path) -> None:
    """Gives a file its final name, so that a power cut cannot undo it."""
    part.replace(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Makes new names in the folder survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sweep(folder: Path, pattern: str, is_abandoned: Callable[[Path], bool] = lambda _: True) -> None:
    """Removes files that a kill left behind; a file that raises an OSError stays.

    Another process may be writing some of these files, or removing them too.
    """
    for path in folder.glob(pattern):
        with contextlib.suppress(OSError):
            if is_abandoned(path):
                path.unlink()


@contextmanager
def _gone_after_failure(path: Path) -> Iterator[None]:
    try:
        yield
    except BaseException:
        with contextlib.suppress(OSError):
            path.unlink()
        raise
