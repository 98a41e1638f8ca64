"""One worker process: does the jobs that its parent gives it. `python -m koa_worker.workers.child FD PARENT`.

A file that crashes this process harms no other file. The process dies with its parent, so that two daemons never work
on the same work folder; this is set up before any slow import.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from multiprocessing.connection import Connection

from koa_worker.system import garbage

_PR_SET_PDEATHSIG = 1


def main() -> None:
    stay_with(int(sys.argv[2]))
    garbage.begin_loading()  # until `settle_in`
    from koa_worker.workers.loop import work  # noqa: PLC0415

    work(Connection(int(sys.argv[1])))


def stay_with(parent: int) -> None:
    """Makes this process die with its parent, and leaves signals to the parent."""
    # Signals from a terminal or a service manager go to the whole group; the parent decides what they mean.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # the parent died before the call
        os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    main()
