"""Fetches the next files of an object store while others are graded, so that no worker process waits for the network.

Each file is fetched by a thread of its own into a private copy, which is removed when the file is done. Their number is
bounded, so that memory and disk are too. A file that cannot be fetched here, or not soon, is left to its worker
process, which fetches it itself and says why it failed.
"""

from __future__ import annotations

import contextlib
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from multiprocessing import Pipe
from pathlib import Path
from types import TracebackType
from typing import Self

from koa_worker.batch.locations import fetch, is_remote
from koa_worker.errors import WorkFailed
from koa_worker.workers.messages import Examine

_LONGEST_SECONDS = 300.0  # for a file; a store that is silent that long may never answer


@dataclass(slots=True, eq=False)
class _Fetched:
    """A job, and the copy of its file once it is complete."""

    job: Examine
    copy: Path | None = None
    begun: float = field(default_factory=time.monotonic)
    over: bool = False

    @property
    def ready(self) -> bool:
        return self.over or time.monotonic() - self.begun > _LONGEST_SECONDS


class ReadAhead:
    """`with ReadAhead(next_jobs, most, 4) as ahead:` fetches up to four files before a worker process is free."""

    def __init__(self, next_jobs: Callable[[int], Sequence[Examine]], most: int, depth: int) -> None:
        """`most` is the limit for a file in bytes."""
        self._next_jobs = next_jobs
        self._most = most
        self._depth = depth
        self._waiting: deque[_Fetched] = deque()

    def __enter__(self) -> Self:
        self._folder = tempfile.TemporaryDirectory(prefix="koa-worker-", ignore_cleanup_errors=True)  # with mode 0700
        self._readable, self._writable = Pipe(duplex=False)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leaves what is being fetched to its threads, which die with the process."""
        self._folder.cleanup()
        self._readable.close()  # not the other end, on which a thread may be about to write

    def fileno(self) -> int:
        """Readable when another file has been fetched."""
        return self._readable.fileno()

    @property
    def any_left(self) -> bool:
        return bool(self._waiting)

    def next_jobs(self, count: int) -> list[Examine]:
        """At most this number of jobs whose files are here, in their order; the next ones are fetched meanwhile."""
        while self._readable.poll():
            self._readable.recv_bytes()
        self._fetch_up_to(count + self._depth)
        ready = [one for one in self._waiting if one.ready][:count]
        for one in ready:
            self._waiting.remove(one)
        self._fetch_up_to(self._depth)
        return [replace(one.job, copy=str(one.copy)) if one.copy else one.job for one in ready]

    @staticmethod
    def forget(job: Examine) -> None:
        """Removes the copy of a file that is done."""
        if job.copy:
            Path(job.copy).unlink(missing_ok=True)

    def _fetch_up_to(self, count: int) -> None:
        wanted = count - len(self._waiting)
        for job in self._next_jobs(wanted) if wanted > 0 else ():
            one = _Fetched(job)
            self._waiting.append(one)
            if job.data is not None or not is_remote(job.place):
                one.over = True
            else:
                threading.Thread(target=self._fetch, args=(one,), daemon=True, name="read-ahead").start()

    def _fetch(self, one: _Fetched) -> None:
        copy = Path(self._folder.name) / one.job.id
        try:
            with copy.open("wb") as stream:
                fetch(one.job.place, stream, self._most)
            one.copy = copy
        except (OSError, WorkFailed):
            copy.unlink(missing_ok=True)
        one.over = True
        with contextlib.suppress(OSError):  # nobody waits any more
            self._writable.send_bytes(b"!")
