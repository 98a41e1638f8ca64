"""One worker process: does the jobs that its parent gives it. `python -m koa_worker.workers.child FD PARENT`.

Whatever a file does to this process is done to that one file only. The process dies with its parent, so that no two
ever work on what lies in one work folder; that is seen to before anything that takes time is loaded.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from multiprocessing.connection import Connection

_PR_SET_PDEATHSIG = 1


def main() -> None:
    stay_with(int(sys.argv[2]))
    from koa_worker.workers.loop import work  # noqa: PLC0415

    work(Connection(int(sys.argv[1])))


def stay_with(parent: int) -> None:
    """Dies when the parent does, and leaves signals to it."""
    # Signals from a terminal or a service manager go to the whole group; the parent decides what they mean.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # it died before the call
        os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    main()
