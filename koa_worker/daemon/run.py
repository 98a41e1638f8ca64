"""One run of the daemon with its worker processes, from its start to its end: watching, signals, metrics, systemd."""

from __future__ import annotations

import logging
from contextlib import AbstractContextManager, nullcontext
from functools import partial

from koa_worker.config import Config
from koa_worker.daemon.alerts import alerts
from koa_worker.daemon.day_sums import counting_days
from koa_worker.daemon.dispatcher import Dispatcher
from koa_worker.daemon.ending import RunSummary
from koa_worker.daemon.lookout import Lookout, looking_out
from koa_worker.intake.watch import Watch
from koa_worker.store import Store
from koa_worker.store.database.transaction import ANSWER_SECONDS
from koa_worker.system import garbage
from koa_worker.system.stop import Stop
from koa_worker.system.systemd import Service
from koa_worker.workers.pool import WorkerPool

logger = logging.getLogger(__name__)

# The dispatcher's loop must not stop while the database is locked; what could not be written is written later.
_PATIENCE_SECONDS = 2.0


def work(config: Config, pool: WorkerPool, stop: Stop, *, once: bool) -> RunSummary:
    """Works until stopped, or with `once` until the inbox is drained. Gives how it ended."""
    service = Service()
    with (
        Store.of(
            config.store,
            patience=_PATIENCE_SECONDS,
            quiet_seconds=config.study.quiet_seconds,
            answer_seconds=ANSWER_SECONDS,
        ) as store,
        Watch(config.folders.inbox) as watch,
    ):
        stop.wake = watch.wake
        dispatcher = Dispatcher(config, store, pool, watch, service)
        _wait_for_workers(pool, watch, stop)
        if stop.asked:
            return RunSummary(why="interrupted")
        lookout = Lookout(config, dispatcher.notices)
        with (
            _metrics(config, dispatcher, lookout),
            _receiver(config),
            _sender(config, once=once),
            _page(config),
            looking_out(lookout, alerts(config, dispatcher.notices)),
            counting_days(config),
        ):
            garbage.end_loading()
            logger.info("ready", extra={"model": pool.model, "workers": len(pool.workers)})
            service.ready()
            dispatcher.take_up_left_over()
            dispatcher.work_until(stop, once=once)
            service.stopping()
            dispatcher.finish(config.work.stop_seconds)
        summary = dispatcher.summary(interrupted=stop.asked)
        extra: dict[str, object] = {**({"signal": stop.by} if stop.asked else {}), **dispatcher.counts.outcomes}
        logger.info("stopped: %s", summary, extra=extra)
    return summary


# Imported in the functions: a site without metrics, a PACS connection or page need not load their libraries.


def _metrics(config: Config, dispatcher: Dispatcher, lookout: Lookout) -> AbstractContextManager[None]:
    if not config.metrics.port:
        return nullcontext()
    from koa_worker.daemon.metric_values import figures  # noqa: PLC0415
    from koa_worker.daemon.metrics import Stages, registry, served  # noqa: PLC0415

    dispatcher.counts.stages = Stages()
    figures_now = partial(figures, dispatcher, config.folders.work, lookout)
    return served(config.metrics, registry(figures_now, dispatcher.counts.stages))


def _receiver(config: Config) -> AbstractContextManager[object]:
    if not config.dicom.receiver.enabled:
        return nullcontext()
    from koa_worker.receive import receiving  # noqa: PLC0415

    return receiving(config.dicom.receiver, config.folders.inbox, config.limits.max_file_mb)


def _sender(config: Config, *, once: bool) -> AbstractContextManager[None]:
    if not config.dicom.destinations:
        return nullcontext()
    from koa_worker.publish.sender import sending  # noqa: PLC0415

    return sending(config, once=once)


def _page(config: Config) -> AbstractContextManager[object]:
    if not config.web.enabled:
        return nullcontext()
    from koa_worker.web.serving.serve import serving  # noqa: PLC0415

    return serving(config)


def _wait_for_workers(pool: WorkerPool, watch: Watch, stop: Stop) -> None:
    """Waits until each worker process has its model: a changed release is refused before any file is taken."""
    while not (pool.ready or stop.asked):
        pool.listen(1.0, [watch.fileno()])
