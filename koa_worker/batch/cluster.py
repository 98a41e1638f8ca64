"""Grades on a Dask cluster: sends the model once to each worker, keeps a bounded number of chunks in flight.

Scheduler and client hold only a window of the archive, whatever its size. When the scheduler is lost, the client waits
for it, or for a new one at its address, and submits the unfinished chunks again; the ledger records each result once.
"""

from __future__ import annotations

import contextlib
import logging
import secrets
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from distributed import Client, Future, as_completed
from distributed.comm import CommClosedError
from distributed.scheduler import KilledWorker

from koa_worker import __version__
from koa_worker.batch.dask_worker import SITE, Chunk, ChunkResult, GradingPlugin, grade_chunk
from koa_worker.batch.entries import Finding
from koa_worker.batch.grade_entry import failed_finding
from koa_worker.batch.local import Take, job_for
from koa_worker.config import Config
from koa_worker.errors import SetupError, Unfinished
from koa_worker.knee.grading.release import Release
from koa_worker.system.stop import Stop
from koa_worker.values import GradedBy

logger = logging.getLogger(__name__)

FILES_IN_CHUNK = 8
_CHUNKS_A_THREAD = 2  # one in progress and one waiting, so that no worker waits for this client
_FAILURES_OF_A_CHUNK = 3  # tries of a chunk whose worker was lost
_SECONDS_TO_CONNECT = 5.0
_SECONDS_BETWEEN_CALLS = 1.0
_SECONDS_TO_ANSWER = 30.0
_SECONDS_BETWEEN_LOOKS = 0.02
_SECONDS_BETWEEN_COUNTS = 5.0


class _LostError(Exception):
    """The scheduler is lost, with all chunks that were submitted."""


@dataclass(slots=True)
class _Sent:
    """A chunk in flight."""

    chunk: Chunk
    failures: int = 0


class Cluster:
    """An engine: the cluster behind a scheduler's address."""

    def __init__(self, address: str, config: Config, release: Release, *, keep: bool) -> None:
        self._address = address
        self._config = config
        self._release = release
        self._keep = keep
        self._name = f"koa-{secrets.token_hex(6)}"  # names this run in the cluster's keys and logs
        self._number = 0
        self._in_flight: dict[str, _Sent] = {}
        self._again: deque[_Sent] = deque()
        logging.getLogger("distributed").setLevel(logging.CRITICAL)  # this module reports lost connections itself

    def grade(self, take: Take, stop: Stop) -> Iterator[Finding]:
        """Grades until nothing is left to take; after a stop it waits for no result."""
        while True:
            with contextlib.ExitStack() as stack:
                client = stack.enter_context(self._connected(stop))
                if client is None:
                    return
                try:
                    yield from self._work(client, take, stop)
                except (_LostError, OSError, TimeoutError) as fault:
                    logger.warning("the scheduler is lost", extra={"fault": type(fault).__name__})
                    self._again.extend(self._in_flight.values())
                    self._in_flight.clear()
                    continue
                with contextlib.suppress(OSError, TimeoutError):
                    client.unregister_worker_plugin(self._name)
                return

    @contextlib.contextmanager
    def _connected(self, stop: Stop) -> Iterator[Client | None]:
        """A client that has sent the model to all workers, also to those that join later; None after a stop."""
        give_up = time.monotonic() + self._config.batch.patience_seconds
        while not stop.asked:
            try:
                client = Client(self._address, timeout=_SECONDS_TO_CONNECT, set_as_default=False)
            except ValueError as fault:
                raise SetupError("cluster", f"{self._address} is not an address") from fault
            except (OSError, TimeoutError) as fault:
                if time.monotonic() > give_up:
                    raise Unfinished("cluster_lost", f"no scheduler at {self._address}") from fault
                time.sleep(_SECONDS_BETWEEN_CALLS)
                continue
            with contextlib.closing(client):
                try:
                    self._equip(client)
                except (OSError, TimeoutError):
                    continue  # it was lost during the connection
                yield client
                return
        yield None

    def _equip(self, client: Client) -> None:
        config = Config(
            model=self._config.model.model_copy(update={"path": ""}),
            limits=self._config.limits,
            log=self._config.log,
        )
        try:
            client.register_plugin(GradingPlugin(self._name, config, self._contents()))
        except (OSError, TimeoutError, SetupError):
            raise
        # Any error of a worker that lacks this program, or has another version of Python.
        except Exception as fault:
            raise SetupError("cluster", f"a worker answers with {type(fault).__name__}") from fault

    def _contents(self) -> dict[str, bytes]:
        """The files of the release, and of the site's scale."""
        site = self._config.model.site
        return self._release.contents() | ({SITE: Path(site).read_bytes()} if site else {})

    def _work(self, client: Client, take: Take, stop: Stop) -> Iterator[Finding]:
        done = as_completed(loop=client.loop)
        threads = _ThreadCount(client, self._config.batch.patience_seconds)
        while not stop.asked:
            while len(self._in_flight) < threads.count() * _CHUNKS_A_THREAD + 1 and (sent := self._next(take)):
                done.add(self._submit(client, sent))
            if not self._in_flight:
                return
            came = done.next_batch(block=False)
            if not came:
                if client.status != "running":
                    raise _LostError
                time.sleep(_SECONDS_BETWEEN_LOOKS)
            for future in came:
                yield from self._receive(future)

    def _next(self, take: Take) -> _Sent | None:
        if self._again:
            return self._again.popleft()
        most = self._config.limits.max_file_mb * 1_000_000
        jobs = tuple(job_for(number, entry, most, keep=self._keep) for number, entry in take(FILES_IN_CHUNK))
        return _Sent(Chunk(self._name, jobs)) if jobs else None

    def _submit(self, client: Client, sent: _Sent) -> Future:
        self._number += 1
        key = f"{self._name}-{self._number}"
        self._in_flight[key] = sent
        return client.submit(grade_chunk, sent.chunk, key=key, pure=False)

    def _receive(self, future: Future) -> Iterator[Finding]:
        """Gives the result of a chunk and releases it at once, so that the cluster forgets it."""
        try:
            graded: ChunkResult = future.result(timeout=_SECONDS_TO_ANSWER)
        except KilledWorker:
            sent = self._in_flight.pop(future.key)
            if not self._send_again(sent):
                yield from self._lost(sent.chunk)
            return
        except (CommClosedError, OSError, TimeoutError):
            raise
        except BaseException as fault:
            if future.cancelled() or future.status == "lost":
                raise _LostError from fault
            raise
        sent = self._in_flight.pop(future.key)
        future.release()
        # One worker's disk may be full; if all workers fail, a person must act, and no file is marked as failed.
        if graded.code and not self._send_again(sent):
            raise SetupError("cluster", f"a worker says {graded.code}: {graded.detail}")
        yield from graded.findings

    def _send_again(self, sent: _Sent) -> bool:
        """Submits a chunk again; false if too many workers have failed on it."""
        sent.failures += 1
        if sent.failures < _FAILURES_OF_A_CHUNK:
            self._again.append(sent)
        return sent.failures < _FAILURES_OF_A_CHUNK

    def _lost(self, chunk: Chunk) -> Iterator[Finding]:
        by = GradedBy(self._release.manifest.label, self._release.digest, __version__)
        for job in chunk.jobs:
            yield failed_finding(job, "worker_crashed", "the cluster's worker, again and again", by)


class _ThreadCount:
    """Counts the threads of the cluster; asks the scheduler only from time to time."""

    def __init__(self, client: Client, patience: float) -> None:
        self._client = client
        self._patience = patience
        self._count = 0
        self._next = 0.0
        self._last_seen = time.monotonic()

    def count(self) -> int:
        now = time.monotonic()
        if now > self._next:
            by_worker: dict[str, Any] = self._client.sync(
                self._client.scheduler.ncores, callback_timeout=_SECONDS_TO_ANSWER
            )
            self._count = sum(by_worker.values())
            # While there are no workers, it asks more often.
            self._next = now + (_SECONDS_BETWEEN_COUNTS if self._count else _SECONDS_BETWEEN_CALLS)
        if self._count:
            self._last_seen = now
        elif now - self._last_seen > self._patience:
            raise Unfinished("cluster_lost", "the scheduler has no workers")
        return self._count
