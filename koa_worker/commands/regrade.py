"""Grades the archive again after a new model release; the earlier grades are kept beside the new ones.

Putting an archive on a site's scale needs no model: the release's own answer is stored beside each grade.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from koa_worker import __version__
from koa_worker.config import Config
from koa_worker.knee.grading.grade import on_scale
from koa_worker.knee.grading.release import Release, model_folder
from koa_worker.knee.grading.site import SiteScale
from koa_worker.registrar import Registrar
from koa_worker.store import State, Store
from koa_worker.system.stop import Stop
from koa_worker.values import GradedBy
from koa_worker.workers.messages import Done, Job, Regrade, WorkerDied, WriteReport
from koa_worker.workers.pool import WorkerPool, cores
from koa_worker.workers.work_off import work_off

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Regraded:
    """Counts the files that were graded again."""

    done: int
    kept: int  # files that could not be graded again and keep their earlier grades


def regrade(config: Config) -> Regraded:
    """Grades each file whose grades come from another model. It can be stopped and resumed at any time.

    Knees that the present model has graded on another scale than the configured one are put on that scale first.
    """
    rescale(config, unsent=False)
    with WorkerPool(config, config.work.workers or cores()) as pool, Store.of(config.store) as store:
        while not pool.ready:
            pool.listen(1.0)
        tally = _work_off(pool, _to_do(store, pool.digest))
        _work_off(pool, map(WriteReport, store.reports.due()))  # of large studies: not after each image
    return Regraded(tally[True], tally[False])


@dataclass(frozen=True, slots=True)
class Rescaled:
    """Counts the knees that are now on the scale."""

    done: int
    others: int  # knees that another release graded: the scale of this release does not apply to them


def rescale(config: Config, *, unsent: bool) -> Rescaled:
    """Puts the grades of the configured release on the configured site's scale, or back on the release's own.

    With `unsent` no objects for the PACS are made of the new reports.
    """
    release = Release.open(model_folder(config.model.path))
    site = SiteScale.load(Path(config.model.site), release.digest) if config.model.site else None
    review = release.review(config.model.review_confidence)
    scale, done = site.digest if site else "", 0
    with Store.of(config.store) as store:
        by = GradedBy(release.manifest.label, release.digest, __version__, scale)
        registrar = Registrar(store, config.folders.reports, config.report, by)
        for study_key in _elsewhere(store, release.digest, scale):
            knees = store.site_scales.grades_elsewhere(study_key, release.digest, scale)
            grades = {knee.grade_id: on_scale(knee.grade, site, review) for knee in knees}
            registrar.write_report(study_key, store.site_scales.put(study_key, grades, unsent=unsent))
            done += len(knees)
        return Rescaled(done, store.site_scales.count_others(release.digest))


def _elsewhere(store: Store, digest: str, scale: str) -> Iterator[str]:
    last = ""
    while keys := store.site_scales.studies_elsewhere(digest, scale, after=last):
        yield from keys
        last = keys[-1]


def _to_do(store: Store, digest: str) -> Iterator[Regrade]:
    last = ""
    while ids := store.files.to_regrade(digest, after=last):
        yield from map(Regrade, ids)
        last = ids[-1]


def _work_off(pool: WorkerPool, to_do: Iterator[Job]) -> Counter[bool]:
    """The number of completed jobs, and the number of the others."""
    tally: Counter[bool] = Counter()
    # It needs no request to stop: graded files are stored, and the next call does the rest.
    for event in work_off(pool, lambda count: islice(to_do, count), Stop()):
        tally[isinstance(event, Done) and event.state is State.COMPLETED] += 1
        if not isinstance(event, Done):
            code = event.code if isinstance(event, WorkerDied) else "-"
            logger.warning("not regraded", extra={"file": event.job.id, "code": code})
    return tally
