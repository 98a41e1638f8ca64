"""The inside of a worker process: a pipeline, the store, the steps of a file, and the connection to the parent."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import resource
import sys
import time
from multiprocessing.connection import Connection
from typing import Any

import cv2

from koa_worker.config import Config
from koa_worker.errors import KoaError, WorkFailed
from koa_worker.pipeline import Pipeline
from koa_worker.store import Store
from koa_worker.system import log
from koa_worker.workers.file_steps import FileSteps
from koa_worker.workers.messages import CannotStart, Grading, Ready, WorkerMessage

_SECONDS_BETWEEN_CALLS = 1.0
# glibc's mallopt: the most that is kept free at the end of the heap, and from what size on memory is mapped by itself.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_KEPT_BYTES, _MAPPED_BYTES = 128 << 20, 32 << 20


def work(connection: Connection) -> None:
    """Works until the parent closes the connection."""
    parent = Parent(connection)
    config = parent.configuration()
    try:
        pipeline = load_pipeline(config)
        store = _open_store(config)
    except KoaError as fault:
        parent.send(CannotStart(fault.code, fault.detail))
        return
    settle_in(config.limits.memory_mb)
    with store:
        steps = FileSteps(config, store, pipeline, parent.grading)
        parent.send(Ready(pipeline.grader.name, pipeline.grader.digest))
        while (job := parent.next_job()) is not None:
            parent.send(steps.work(job))


def load_pipeline(config: Config) -> Pipeline:
    """Loads the pipeline as every worker process needs it."""
    log.set_up(config.log)
    cv2.setNumThreads(1)  # the cores are shared out by processes
    return Pipeline.load(config)


class Parent:
    """The process that gives out the jobs; without it this one has nothing to do, and ends."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def configuration(self) -> Config:
        config = self._connection.recv()
        if not isinstance(config, Config):
            raise TypeError("the parent begins with the configuration")
        return config

    def next_job(self) -> Any:
        """One of those that this program is for; None when the parent has closed the connection."""
        try:
            return self._connection.recv()
        except EOFError:
            return None

    def send(self, message: WorkerMessage) -> None:
        try:
            self._connection.send(message)
        except BrokenPipeError:
            sys.exit(0)

    def grading(self, *, on: bool) -> None:
        self.send(Grading(on))


def _open_store(config: Config) -> Store:
    """The parent has opened it before; if it does not answer now, it will again."""
    while True:
        try:
            return Store.of(config.store, quiet_seconds=config.study.quiet_seconds)
        except WorkFailed:
            time.sleep(_SECONDS_BETWEEN_CALLS)


def settle_in(memory_mb: int) -> None:
    """What a worker process asks of the system once its nets are loaded."""
    _limit_memory(memory_mb)
    _keep_memory()
    _keep_loaded()


def _limit_memory(megabytes: int) -> None:
    """A second line behind the parent, which looks at memory in use only once in a while.

    Counts what is asked for, used or not, hence twice the limit.
    """
    most = 2 * megabytes << 20
    resource.setrlimit(resource.RLIMIT_DATA, (most, most))


def _keep_memory() -> None:
    """One frame's memory serves the next one: to have the kernel clear fresh pages costs as much as to decode them.

    Where the C library is another one, there is nothing to say to it.
    """
    with contextlib.suppress(AttributeError):
        tune = ctypes.CDLL(None).mallopt
        tune(_M_MMAP_THRESHOLD, _MAPPED_BYTES)
        tune(_M_TRIM_THRESHOLD, _KEPT_BYTES)


def _keep_loaded() -> None:
    """What is loaded by now stays: to look through all of it for garbage takes as long as to grade a knee or two."""
    gc.collect()
    gc.freeze()
