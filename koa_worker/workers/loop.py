"""The loop of a worker process: a pipeline, the store, the steps of a file, and the connection to the parent."""

from __future__ import annotations

import contextlib
import ctypes
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
from koa_worker.system import garbage, log
from koa_worker.workers.file_steps import FileSteps
from koa_worker.workers.messages import CannotStart, Grading, Ready, WorkerMessage

_SECONDS_BETWEEN_CALLS = 1.0
# glibc's mallopt: the free memory to keep at the end of the heap, and the size from which memory is mapped separately.
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
    """Loads the pipeline with the settings of a worker process."""
    log.set_up(config.log)
    cv2.setNumThreads(1)  # each process uses one core
    return Pipeline.load(config)


class Parent:
    """The connection to the process that gives out the jobs; if that ends, this process ends."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def configuration(self) -> Config:
        config = self._connection.recv()
        if not isinstance(config, Config):
            raise TypeError("the parent begins with the configuration")
        return config

    def next_job(self) -> Any:
        """The next job; None when the parent has closed the connection."""
        try:
            return self._connection.recv()
        except (EOFError, ConnectionResetError):
            return None

    def send(self, message: WorkerMessage) -> None:
        try:
            self._connection.send(message)
        except BrokenPipeError:
            sys.exit(0)

    def grading(self, *, on: bool) -> None:
        self.send(Grading(on))


def _open_store(config: Config) -> Store:
    """Opens the store, and waits for it: the parent has opened it before, so that it will answer again."""
    while True:
        try:
            return Store.of(config.store, quiet_seconds=config.study.quiet_seconds)
        except WorkFailed:
            time.sleep(_SECONDS_BETWEEN_CALLS)


def settle_in(memory_mb: int) -> None:
    """The memory settings of a worker process once its models are loaded."""
    _limit_memory(memory_mb)
    _keep_memory()
    garbage.end_loading()


def _limit_memory(megabytes: int) -> None:
    """A second limit beside the parent's, which checks the used memory only at intervals.

    It counts reserved memory, used or not, and is therefore twice the configured limit.
    """
    most = 2 * megabytes << 20
    resource.setrlimit(resource.RLIMIT_DATA, (most, most))


def _keep_memory() -> None:
    """Reuses the memory of one frame for the next: clearing new pages costs the kernel as much time as decoding.

    This is a setting of glibc; with another C library it does nothing.
    """
    with contextlib.suppress(AttributeError):
        tune = ctypes.CDLL(None).mallopt
        tune(_M_MMAP_THRESHOLD, _MAPPED_BYTES)
        tune(_M_TRIM_THRESHOLD, _KEPT_BYTES)
