"""The loop: watch, work, stop on a signal, take up what a crash left.

Order of steps for each file, so that a kill at any of them leaves nothing lost or doubled:
claim (rename) → known to the store → graded → result in the store → report → original filed → note dropped.
Each step can be done again; on start the first one that is missing is where work goes on.
"""

from __future__ import annotations

import fcntl
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from koa_worker.config import Config, Intake
from koa_worker.desk import Desk
from koa_worker.errors import SetupError
from koa_worker.intake import StabilityTracker, Watch, claim, list_waiting, prepare_folders
from koa_worker.pipeline import Pipeline
from koa_worker.stop import Stop, on_signal
from koa_worker.store import Store

logger = logging.getLogger(__name__)


def run(config: Config, *, once: bool) -> int:
    """Works until stopped, or with `once` until the inbox is drained. Gives the number of files not graded."""
    prepare_folders(config.folders)
    with _sole_owner(config.folders.work), Store.open(config.store.url) as store:
        pipeline = Pipeline.load(config)
        desk = Desk(config, store, pipeline)
        with Watch(config.folders.inbox) as watch, on_signal(watch.wake) as stop:
            logger.info("ready", extra={"model": pipeline.grader.name})
            _loop(config, desk, watch, stop, once=once)
            logger.info("stopped", extra=dict(desk.tally))
    return desk.not_graded


def _loop(config: Config, desk: Desk, watch: Watch, stop: Stop, *, once: bool) -> None:
    tracker = StabilityTracker(config.intake.stable_seconds)
    desk.take_up_left_over()
    while not stop.asked:
        if desk.unsettled:
            watch.wait(config.intake.scan_seconds)
            desk.take_up_left_over()
            continue
        waiting = list_waiting(config.folders.inbox)
        for file in tracker.settled(waiting, time.monotonic()):
            if stop.asked or desk.unsettled:
                break
            taken = claim(file, config.folders.work)
            if taken is not None:
                desk.work(taken)
        desk.retry_due()
        if once and not waiting:
            return
        watch.wait(_pause(config.intake, anything_waits=bool(waiting)))


def _pause(intake: Intake, *, anything_waits: bool) -> float:
    """A file that is still settling is looked at again as soon as it can have settled."""
    return max(0.05, min(intake.stable_seconds, intake.scan_seconds)) if anything_waits else intake.scan_seconds


@contextmanager
def _sole_owner(work: Path) -> Iterator[None]:
    """Two workers in one work folder would take up each other's files as left over."""
    with (work / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as fault:
            raise SetupError("folders", "another worker uses this work folder; give each its own") from fault
        yield
