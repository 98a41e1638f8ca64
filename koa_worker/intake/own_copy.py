"""Makes sure that only this account can write to a claimed file, so that it cannot change after it was hashed."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import stat
from pathlib import Path

from koa_worker.system.durable import whole_file

_SUFFIX = ".copy"


def make_own(path: Path) -> None:
    """Replaces a file by a copy if another account owns it, if it has a second name, or if it is open for writing.

    Raises OSError if the file may not be read.
    """
    source = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(source, "rb") as stream:
        facts = os.fstat(source)
        if not stat.S_ISREG(facts.st_mode):
            return
        if facts.st_uid == os.geteuid() and facts.st_nlink == 1 and not _is_open_for_writing(source):
            return
        with whole_file(path, path.with_suffix(_SUFFIX)) as written:
            shutil.copyfileobj(stream, written, 1 << 20)
            written.flush()  # a later write by somebody else would change the time again
            os.utime(written.fileno(), ns=(facts.st_atime_ns, facts.st_mtime_ns))


def _is_open_for_writing(descriptor: int) -> bool:
    """Whether the kernel refuses a read lease, which it does while anybody can write; false where it has no leases."""
    try:
        # If somebody opens the file meanwhile, the kernel sends a signal; this one is ignored by default, SIGIO is not.
        fcntl.fcntl(descriptor, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_RDLCK)
    except BlockingIOError:
        return True
    except OSError:
        return False
    fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    return False
