"""The steps of a worker process of a batch for one entry: load, grade, and give the part for the store."""

from __future__ import annotations

import stat
from collections.abc import Callable
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path

from koa_worker.batch.entries import Finding, Kept
from koa_worker.batch.locations import name_of
from koa_worker.batch.read_ahead import Ahead, read_ahead
from koa_worker.batch.rows import ending_of, rows_of
from koa_worker.errors import KoaError, WorkFailed
from koa_worker.intake import load_and_digest
from koa_worker.pipeline import Pipeline
from koa_worker.store import encode
from koa_worker.values import Arrival, Completed, Failed, GradedBy, Outcome, Rejected
from koa_worker.workers.loop import Parent, load_pipeline, settle_in
from koa_worker.workers.messages import CannotStart, Examine, Examined, Ready

_NOWHERE = Path()


def serve(connection: Connection) -> None:
    """Grades what the parent sends until it closes the connection."""
    parent = Parent(connection)
    config = parent.configuration()
    try:
        pipeline = load_pipeline(config)
    except KoaError as fault:
        parent.send(CannotStart(fault.code, fault.detail))
        return
    settle_in(config.limits.memory_mb)
    parent.send(Ready(pipeline.grader.name, pipeline.grader.digest))
    for ahead in read_ahead(parent.next_job, _most_bytes(pipeline)):
        parent.send(Examined(ahead.job, look(ahead, pipeline, parent.grading)))


def look(ahead: Ahead, pipeline: Pipeline, grading: Callable[..., None]) -> Finding:
    job, outcome = ahead.job, _outcome(ahead, pipeline, grading)
    kept = keep(outcome) if job.keep else None
    return Finding(job.number, ending_of(outcome), rows_of(outcome, job.place, pipeline.grader.graded_by), kept)


def failed_finding(job: Examine, code: str, detail: str, by: GradedBy) -> Finding:
    """The finding for an entry whose worker process died."""
    outcome = Failed(Arrival(_NOWHERE, "", job.size, "", job.id), code, detail)
    return Finding(job.number, "failed", rows_of(outcome, job.place, by))


def keep(outcome: Outcome) -> Kept | None:
    """The part of an outcome for the store; nothing of a failed file, since it is retried."""
    if isinstance(outcome, Failed):
        return None
    arrival = replace(outcome.arrival, path=_NOWHERE)
    return Kept(arrival, encode(outcome) if isinstance(outcome, Completed) else replace(outcome, arrival=arrival))


def _outcome(ahead: Ahead, pipeline: Pipeline, grading: Callable[..., None]) -> Outcome:
    job, name = ahead.job, name_of(ahead.job.place)
    try:
        with ahead.file() as path:
            facts = path.stat()
            if not stat.S_ISREG(facts.st_mode):  # reading a pipe or a device may never end
                return Rejected(Arrival(_NOWHERE, "", 0, name, job.id), "unknown_format", "no plain file")
            data, sha256 = load_and_digest(path, _most_bytes(pipeline))
            arrival = Arrival(path, sha256, facts.st_size, name, job.id)
            grading(on=True)
            outcome = pipeline.process(arrival, data)
            grading(on=False)
            return outcome
    except OSError as fault:
        return Failed(Arrival(_NOWHERE, "", job.size, name, job.id), "io", fault.strerror or type(fault).__name__)
    except WorkFailed as fault:
        return Failed(Arrival(_NOWHERE, "", job.size, name, job.id), fault.code, fault.detail)


def _most_bytes(pipeline: Pipeline) -> int:
    return pipeline.limits.max_file_mb * 1_000_000
