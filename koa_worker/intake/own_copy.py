"""Makes a claimed file this account's alone: what others can write to would not stay what was hashed and graded."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path

_SUFFIX = ".copy"


def make_own(path: Path) -> None:
    """Puts a copy in the place of a file that belongs to another account or that has a second name elsewhere.

    Its owner may hold it open for writing, or write to it under its other name. Raises OSError where it may not be
    read.
    """
    source = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(source, "rb") as stream:
        facts = os.fstat(source)
        if not stat.S_ISREG(facts.st_mode) or (facts.st_uid == os.geteuid() and facts.st_nlink == 1):
            return
        copy = path.with_suffix(_SUFFIX)
        target = os.open(copy, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(target, "wb") as written:
            shutil.copyfileobj(stream, written, 1 << 20)
            written.flush()
            os.fsync(target)
            os.utime(target, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    copy.replace(path)
