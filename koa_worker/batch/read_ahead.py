"""Brings the next files of an archive here while one is graded, so that grading does not wait for network or disk.

A thread of the worker process receives its jobs, and some others bring their files. The parent gives a few jobs in
advance, which limits the number of files that are here. An error on the way is raised when the file's turn comes. The
connections to a store belong to these threads, and end with the process.
"""

from __future__ import annotations

import contextlib
import os
import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue

from koa_worker.batch.locations import brought_here, is_remote
from koa_worker.workers.messages import Examine

IN_ADVANCE = 2  # files for each worker process
_BYTES_EXPECTED = 128 << 10  # in one call, of which the kernel heeds no more than it would read ahead by itself


@dataclass(frozen=True, slots=True)
class Ahead:
    """A job whose file is on its way."""

    job: Examine
    _coming: SimpleQueue[tuple[Path, ExitStack] | Exception] = field(default_factory=SimpleQueue, repr=False)

    def bring(self, most: int) -> None:
        try:
            self._coming.put(_bring(self.job, most))
        # Of any kind: it belongs to this file, and a thread that ended with it would leave the process waiting.
        except Exception as fault:  # noqa: BLE001
            self._coming.put(fault)

    @contextmanager
    def file(self) -> Iterator[Path]:
        """Waits for the file, once, or raises what happened to it."""
        brought = self._coming.get()
        try:
            if isinstance(brought, Exception):
                raise brought
            path, held = brought
            with held:
                yield path
        finally:
            del brought  # an error refers to this frame, and both would stay until garbage is searched


def read_ahead(next_job: Callable[[], Examine | None], most: int) -> Iterator[Ahead]:
    """The jobs in their order, until there are none; of a file not much more than this number of bytes is brought."""
    jobs: SimpleQueue[Ahead | None] = SimpleQueue()
    to_bring: SimpleQueue[Ahead | None] = SimpleQueue()

    def receive() -> None:
        try:
            while (job := next_job()) is not None:
                ahead = Ahead(job)
                to_bring.put(ahead)
                jobs.put(ahead)
        finally:  # whatever ends it: the process must not wait for a job that never comes
            jobs.put(None)
            for _ in range(IN_ADVANCE):
                to_bring.put(None)

    def bring() -> None:
        while (ahead := to_bring.get()) is not None:
            ahead.bring(most)

    for work in (receive, *[bring] * IN_ADVANCE):  # as daemons: a process that ends does not wait for a network
        threading.Thread(target=work, daemon=True).start()
    yield from iter(jobs.get, None)


def _bring(job: Examine, most: int) -> tuple[Path, ExitStack]:
    with ExitStack() as held:
        path = held.enter_context(brought_here(job.place, job.data, most))
        if job.data is None and not is_remote(job.place):
            _expect(path, most)
        return path, held.pop_all()


def _expect(path: Path, most: int) -> None:
    """Lets the kernel read a file into its own memory, without waiting for it."""
    facts = path.stat()
    if not stat.S_ISREG(facts.st_mode):  # opening a device may do something
        return
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        with contextlib.suppress(OSError):  # some file systems take no advice
            for start in range(0, min(facts.st_size, most), _BYTES_EXPECTED):
                os.posix_fadvise(descriptor, start, _BYTES_EXPECTED, os.POSIX_FADV_WILLNEED)
    finally:
        os.close(descriptor)
