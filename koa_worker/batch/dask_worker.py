"""The part of a batch in a Dask worker: it keeps the model that was sent to it, and a worker process for each thread.

Files are graded in processes below the Dask worker, as on one machine: a file that crashes or hangs its decoder harms
neither the Dask worker nor the other files of the chunk.
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from distributed import WorkerPlugin, get_worker

from koa_worker import __version__
from koa_worker.batch.entries import Finding
from koa_worker.batch.local import findings, worker_pool
from koa_worker.config import Config
from koa_worker.errors import KoaError, SetupError
from koa_worker.system.stop import Stop
from koa_worker.workers.messages import Examine
from koa_worker.workers.pool import WorkerPool

SITE = "site.json"  # the name of the site's scale among the release's files
_SECONDS_IDLE = 120.0  # after this idle time a worker process is ended: its client may have been killed
_SECONDS_BETWEEN_LOOKS = 10.0


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some files that are graded one after the other. Dask's logs print it, so it shows none of them."""

    plugin: str  # the name of the chunk
    jobs: tuple[Examine, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class ChunkResult:
    """The result of a chunk: its findings, or an error code if the worker could not grade at all."""

    findings: tuple[Finding, ...] = field(repr=False)
    code: str = ""
    detail: str = ""


def grade_chunk(chunk: Chunk) -> ChunkResult:
    """The task that Dask runs. It never raises: Dask would log its arguments."""
    try:
        plugin = get_worker().plugins[chunk.plugin]
        return ChunkResult(tuple(plugin.grade(chunk.jobs)))
    except KoaError as fault:
        return ChunkResult((), fault.code, fault.detail)
    # The message of any error could contain a file's name.
    except Exception as fault:  # noqa: BLE001
        return ChunkResult((), "cluster", type(fault).__name__)


class GradingPlugin(WorkerPlugin):  # type: ignore[misc]
    """Carries the release's files to each worker; Dask sends it once to each, also to one that joins later."""

    def __init__(self, name: str, config: Config, release: dict[str, bytes]) -> None:
        self.name = name
        self._version = __version__
        self._config = config
        self._release = release

    def setup(self, worker: Any) -> None:  # noqa: ARG002
        if self._version != __version__:
            raise SetupError("cluster", f"{self._version} here and {__version__} on a worker")
        self._folder = Path(tempfile.mkdtemp(prefix="koa-worker-"))
        for name, content in self._release.items():
            (self._folder / name).write_bytes(content)
        self._release = {}  # the worker processes read the files, and compare their hashes with the manifest's
        site = str(self._folder / SITE) if self._config.model.site else ""
        model = self._config.model.model_copy(update={"path": str(self._folder), "site": site})
        self._config = self._config.model_copy(update={"model": model})
        self._workers: dict[int, _ThreadWorker] = {}
        self._ended = threading.Event()
        threading.Thread(target=self._end_idle_workers, name=self.name, daemon=True).start()

    def teardown(self, worker: Any) -> None:  # noqa: ARG002
        self._ended.set()
        for of_thread in list(self._workers.values()):
            of_thread.end()
        shutil.rmtree(self._folder, ignore_errors=True)

    def grade(self, jobs: tuple[Examine, ...]) -> Iterator[Finding]:
        """Grades in this thread's worker process, which dies with the thread that started it; Dask keeps threads."""
        worker = self._workers.setdefault(threading.get_ident(), _ThreadWorker(self._config))
        left = list(reversed(jobs))
        with worker.in_use() as pool:
            yield from findings(pool, lambda _: [left.pop()] if left else [], Stop())

    def _end_idle_workers(self) -> None:
        while not self._ended.wait(_SECONDS_BETWEEN_LOOKS):
            for worker in list(self._workers.values()):
                worker.end_if_idle()


class _ThreadWorker:
    """A thread's worker process, kept while there is work for it."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._lock = threading.Lock()
        self._pool: WorkerPool | None = None
        self._used = time.monotonic()

    @contextlib.contextmanager
    def in_use(self) -> Iterator[WorkerPool]:
        with self._lock:
            if self._pool is None:
                self._pool = worker_pool(self._config, 1)
            try:
                yield self._pool
            except BaseException:
                self.end()
                raise
            self._used = time.monotonic()

    def end_if_idle(self) -> None:
        if time.monotonic() - self._used > _SECONDS_IDLE and self._lock.acquire(blocking=False):
            try:
                self.end()
            finally:
                self._lock.release()

    def end(self) -> None:
        """Ends the process at once: the file that it is working on is graded elsewhere."""
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.__exit__(None, None, None)
