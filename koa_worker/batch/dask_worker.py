"""A Dask worker's part in a batch: it keeps the model that was sent to it, and a hand for each of its threads.

The files are looked at in processes below the Dask worker, as on one machine: a file that crashes or hangs its decoder
costs itself, and neither the Dask worker nor its neighbours in the chunk.
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
from koa_worker.batch.local import HAND, findings
from koa_worker.config import Config
from koa_worker.errors import KoaError, SetupError
from koa_worker.system.stop import Stop
from koa_worker.workers.messages import Examine
from koa_worker.workers.pool import Crew

_SECONDS_IDLE = 120.0  # after which a hand is let go: its client may have been killed
_SECONDS_BETWEEN_LOOKS = 10.0


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some files that are graded one after the other. Dask's logs print it, so it shows none of them."""

    post: str
    jobs: tuple[Examine, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Graded:
    """What came of a chunk; a code if the worker could not work at all."""

    findings: tuple[Finding, ...] = field(repr=False)
    code: str = ""
    detail: str = ""


def grade_chunk(chunk: Chunk) -> Graded:
    """The task that Dask runs. It never raises: Dask would log what it was given."""
    try:
        post = get_worker().plugins[chunk.post]
        return Graded(tuple(post.grade(chunk.jobs)))
    except KoaError as fault:
        return Graded((), fault.code, fault.detail)
    # Whatever it is, its words could hold a file's name.
    except Exception as fault:  # noqa: BLE001
        return Graded((), "cluster", type(fault).__name__)


class Post(WorkerPlugin):  # type: ignore[misc]
    """Is sent once to each worker, and to each that joins later, with the release's files inside."""

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
        self._release = {}  # the hands read the files, and compare their hashes with the manifest's
        model = self._config.model.model_copy(update={"path": str(self._folder)})
        self._config = self._config.model_copy(update={"model": model})
        self._places: dict[int, _Place] = {}
        self._over = threading.Event()
        threading.Thread(target=self._let_go_of_the_idle, name=self.name, daemon=True).start()

    def teardown(self, worker: Any) -> None:  # noqa: ARG002
        self._over.set()
        for place in list(self._places.values()):
            place.leave()
        shutil.rmtree(self._folder, ignore_errors=True)

    def grade(self, jobs: tuple[Examine, ...]) -> Iterator[Finding]:
        """With this thread's hand: it would die with the thread that hired it, and Dask's threads stay."""
        place = self._places.setdefault(threading.get_ident(), _Place(self._config))
        left = list(reversed(jobs))
        with place.occupied() as crew:
            yield from findings(crew, lambda _: [left.pop()] if left else [], Stop())

    def _let_go_of_the_idle(self) -> None:
        while not self._over.wait(_SECONDS_BETWEEN_LOOKS):
            for place in list(self._places.values()):
                place.leave_if_idle()


class _Place:
    """A hand, for as long as there is work for it."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._lock = threading.Lock()
        self._crew: Crew | None = None
        self._used = time.monotonic()

    @contextlib.contextmanager
    def occupied(self) -> Iterator[Crew]:
        with self._lock:
            if self._crew is None:
                self._crew = Crew(self._config, 1, program=HAND)
            try:
                yield self._crew
            except BaseException:
                self._dismiss()
                raise
            self._used = time.monotonic()

    def leave_if_idle(self) -> None:
        if time.monotonic() - self._used > _SECONDS_IDLE and self._lock.acquire(blocking=False):
            try:
                self._dismiss()
            finally:
                self._lock.release()

    def leave(self) -> None:
        """At once: what it is at is graded elsewhere."""
        self._dismiss()

    def _dismiss(self) -> None:
        crew, self._crew = self._crew, None
        if crew is not None:
            crew.__exit__(None, None, None)
