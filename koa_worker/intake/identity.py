"""A file is identified by the SHA-256 of its bytes."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from pathlib import Path


def digest(path: Path) -> str:
    """Raises OSError for what is no regular file: a pipe or a device may never end."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # opening a pipe would wait for its writer otherwise
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "it is no regular file")
        with os.fdopen(descriptor, "rb", closefd=False) as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    finally:
        os.close(descriptor)
