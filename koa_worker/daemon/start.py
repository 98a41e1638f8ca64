"""Starts the worker: folders, the lock of the work folder, the worker processes, and then one run.

The order of steps for each file, so that a kill at any of them neither loses nor doubles anything:
claim (rename) → known to the store → graded → result in the store → report → original filed → note removed.
The dispatcher claims; a worker process does the rest. Each step can be repeated; a start resumes at the first missing
step.
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

_PATIENCE_SECONDS = 10.0  # seconds to wait for a database that does not answer at the start


def run(config: Config, *, once: bool) -> RunSummary:
    """Works until stopped, or with `once` until the inbox is drained. Gives how it ended."""
    prepare_folders(config.folders)
    _prepare_store(config, once=once)
    with (
        on_signal() as stop,
        sole_owner(config.folders.work) as lock,
        WorkerPool(config, config.work.workers or cores(), [lock]) as pool,
    ):
        # The worker processes load decoders and models meanwhile, which saves about a second.
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
        # The service manager restarts a daemon until the database answers.
        raise (NotStarted if once else Lost)(fault.code, fault.detail) from fault
