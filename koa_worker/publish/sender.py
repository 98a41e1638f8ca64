"""Sends results in a thread of the daemon, so that a slow PACS does not delay anything else."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from koa_worker.config import Config
from koa_worker.errors import WorkFailed
from koa_worker.publish.outbox import Outbox
from koa_worker.store import Store
from koa_worker.system.log import where

logger = logging.getLogger(__name__)

_SECONDS_BETWEEN_LOOKS = 2.0


@contextmanager
def sending(config: Config, *, once: bool) -> Iterator[None]:
    """Sends results while the context is open; with `once`, everything due was tried before the context closes."""
    with Store.of(config.store) as store:
        Outbox(config, store)  # from now on, new results are for these destinations
        stop = threading.Event()
        thread = threading.Thread(target=_run, args=(config, store, stop), name="sender")
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()
        if once:
            _work(Outbox(config, store), threading.Event())


def _run(config: Config, store: Store, stop: threading.Event) -> None:
    outbox = Outbox(config, store)
    while not stop.is_set():
        _work(outbox, stop)
        stop.wait(_SECONDS_BETWEEN_LOOKS)


def _work(outbox: Outbox, stop: threading.Event) -> None:
    try:
        outbox.work(stop.is_set)
    except (OSError, WorkFailed) as fault:
        logger.warning("sending postponed: disk or database unavailable", extra={"fault": where(fault)})
    # The thread must survive any error in one round; the next round starts again from the store.
    except Exception:
        logger.exception("sender failed")
