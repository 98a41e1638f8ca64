"""A file is identified by the SHA-256 of its bytes."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path


def digest(path: Path) -> str:
    """The SHA-256. Raises OSError if it is not a regular file: a pipe or a device may never end."""
    with _opened(path) as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def load_and_digest(path: Path, most: int) -> tuple[bytes | None, str]:
    """The bytes of a file and their hash, read once; None for the bytes if there are more than `most`.

    None also if memory is short: the hash needs none, and the reader reports it later.
    """
    with _opened(path) as stream:
        size = os.fstat(stream.fileno()).st_size
        try:
            data = _whole(stream, size) if size <= most else None
        except MemoryError:
            stream.seek(0)
            data = None
        if data is None:
            return None, hashlib.file_digest(stream, "sha256").hexdigest()
        if stream.read(1):
            raise OSError(errno.EBUSY, "it grows while it is read")
    return data, hashlib.sha256(data).hexdigest()


def _whole(stream: BufferedReader, size: int) -> bytes:
    return stream.read(size)


@contextmanager
def _opened(path: Path) -> Iterator[BufferedReader]:
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # opening a pipe must not wait for its writer
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "it is no regular file")
        with os.fdopen(descriptor, "rb", closefd=False) as stream:
            yield stream
    finally:
        os.close(descriptor)
