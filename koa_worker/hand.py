"""One worker process: does the jobs that the foreman gives it, one at a time. `python -m koa_worker.hand FD PARENT`.

Whatever a file does to this process is done to that one file only. The process dies with the foreman, so that no two
ever work on what lies in one work folder.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys
import time
from multiprocessing.connection import Connection

import cv2

from koa_worker import log
from koa_worker.config import Config
from koa_worker.desk import Desk
from koa_worker.errors import KoaError, WorkFailed
from koa_worker.orders import Grading, Job, Ready, Refused, Said
from koa_worker.pipeline import Pipeline
from koa_worker.store import Store

_PR_SET_PDEATHSIG = 1
_SECONDS_BETWEEN_CALLS = 1.0


def main() -> None:
    """Until the foreman hangs up."""
    _die_with(int(sys.argv[2]))
    # Signals from a terminal or a service manager go to the whole group; the foreman decides what they mean.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    foreman = Foreman(Connection(int(sys.argv[1])))
    config = foreman.configuration()
    log.set_up(config.log)
    cv2.setNumThreads(1)  # the cores are shared out by processes
    try:
        pipeline = Pipeline.load(config)
        store = _open_store(config)
    except KoaError as fault:
        foreman.say(Refused(fault.code, fault.detail))
        return
    _limit_memory(config.limits.memory_mb)
    with store:
        desk = Desk(config, store, pipeline, foreman.grading)
        foreman.say(Ready(pipeline.grader.name, pipeline.grader.digest))
        while (job := foreman.next_job()) is not None:
            foreman.say(desk.work(job))


class Foreman:
    """The other end of the line; when it is gone, so is the reason to live."""

    def __init__(self, line: Connection) -> None:
        self._line = line

    def configuration(self) -> Config:
        config = self._line.recv()
        if not isinstance(config, Config):
            raise TypeError("the foreman begins with the configuration")
        return config

    def next_job(self) -> Job | None:
        try:
            job: Job | None = self._line.recv()
        except EOFError:
            return None
        return job

    def say(self, what: Said) -> None:
        try:
            self._line.send(what)
        except BrokenPipeError:
            sys.exit(0)

    def grading(self, *, on: bool) -> None:
        self.say(Grading(on))


def _die_with(parent: int) -> None:
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # it died before the call
        os.kill(os.getpid(), signal.SIGKILL)


def _open_store(config: Config) -> Store:
    """The foreman has opened it before; if it does not answer now, it will again."""
    while True:
        try:
            return Store.open(config.store.url)
        except WorkFailed:
            time.sleep(_SECONDS_BETWEEN_CALLS)


def _limit_memory(megabytes: int) -> None:
    """A second line behind the foreman, which looks at memory in use only every so often.

    Counts what is asked for, used or not, hence twice the limit.
    """
    most = 2 * megabytes << 20
    resource.setrlimit(resource.RLIMIT_DATA, (most, most))


if __name__ == "__main__":
    main()
