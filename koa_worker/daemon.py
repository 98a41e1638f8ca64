"""Sets up the worker and runs it until it is stopped or, for a nightly batch, until the inbox is drained.

Order of steps for each file, so that a kill at any of them leaves nothing lost or doubled:
claim (rename) → known to the store → graded → result in the store → report → original filed → note dropped.
The foreman claims; a hand does the rest. Each step can be done again; on start the first one that is missing is where
work goes on.
"""

from __future__ import annotations

import logging

from koa_worker.config import Config
from koa_worker.crew import Crew, cores
from koa_worker.foreman import Foreman
from koa_worker.intake import Watch, prepare_folders
from koa_worker.metrics import served
from koa_worker.pulse import sole_owner
from koa_worker.service import Service
from koa_worker.stop import Stop, on_signal
from koa_worker.store import Store

logger = logging.getLogger(__name__)

# The foreman must go round while the database is locked; what could not be written is written at a later turn.
_PATIENCE_SECONDS = 2.0


def run(config: Config, *, once: bool) -> int:
    """Works until stopped, or with `once` until the inbox is drained. Gives the number of files not graded."""
    prepare_folders(config.folders)
    service = Service()
    with (
        sole_owner(config.folders.work) as lock,
        Crew(config, config.work.workers or cores(), [lock]) as crew,
        Store.open(config.store.url, patience=_PATIENCE_SECONDS) as store,
        Watch(config.folders.inbox) as watch,
        on_signal(watch.wake) as stop,
    ):
        foreman = Foreman(config, store, crew, watch, service)
        _assemble(crew, watch, stop)
        with served(config.metrics.port, foreman.metrics):
            logger.info("ready", extra={"model": crew.model, "workers": len(crew.hands)})
            service.ready()
            foreman.take_up_left_over()
            foreman.work_until(stop, once=once)
            service.stopping()
            foreman.finish(config.work.stop_seconds)
        logger.info("stopped", extra=dict(foreman.tally))
    return foreman.not_graded


def _assemble(crew: Crew, watch: Watch, stop: Stop) -> None:
    """Until every hand has its model: one whose files were changed is refused here, before any file is taken."""
    while not (crew.ready or stop.asked):
        crew.listen(1.0, [watch.fileno()])
