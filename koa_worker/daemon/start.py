"""Starts the worker: folders, the sole right to the work folder, the worker processes, and then one run.

Order of steps for each file, so that a kill at any of them leaves nothing lost or doubled:
claim (rename) → known to the store → graded → result in the store → report → original filed → note dropped.
The dispatcher claims; a worker process does the rest. Each step can be done again; on start the first one that is
missing is where work goes on.
"""

from __future__ import annotations

from koa_worker.config import Config
from koa_worker.daemon.ending import RunSummary
from koa_worker.errors import Lost, NotStarted, WorkFailed
from koa_worker.intake import prepare_folders
from koa_worker.store import Store
from koa_worker.system.heartbeat import sole_owner
from koa_worker.system.stop import on_signal
from koa_worker.workers.pool import WorkerPool, cores

_PATIENCE_SECONDS = 10.0  # with a database that does not answer at the start


def run(config: Config, *, once: bool) -> RunSummary:
    """Works until stopped, or with `once` until the inbox is drained. Gives how it ended."""
    prepare_folders(config.folders)
    _prepare_store(config, once=once)
    with (
        on_signal() as stop,
        sole_owner(config.folders.work) as lock,
        WorkerPool(config, config.work.workers or cores(), [lock]) as pool,
    ):
        # The worker processes load decoders and nets meanwhile; a second or so is saved by not waiting for either.
        from koa_worker.daemon.run import work  # noqa: PLC0415

        try:
            return work(config, pool, stop, once=once)
        except WorkFailed as fault:
            raise Lost(fault.code, fault.detail) from fault


def _prepare_store(config: Config, *, once: bool) -> None:
    """Makes or migrates the database before any worker process opens it."""
    try:
        Store.of(config.store, patience=_PATIENCE_SECONDS).close()
    except WorkFailed as fault:
        # A daemon is started again by its service manager until the database is there.
        raise (NotStarted if once else Lost)(fault.code, fault.detail) from fault
