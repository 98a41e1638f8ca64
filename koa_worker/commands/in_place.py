"""Grades files in place: nothing is moved, and the daemon's store is not used.

Reports are made in the same way as by the daemon, with a temporary database.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import cv2

from koa_worker.config import Config
from koa_worker.errors import InputRejected, WorkFailed
from koa_worker.intake import load_and_digest
from koa_worker.pipeline import Pipeline
from koa_worker.read import read
from koa_worker.system import garbage
from koa_worker.system.own_mark import marked
from koa_worker.values import Arrival, Completed, Failed, Outcome, Rejected

if TYPE_CHECKING:  # who only wants grades does not wait for the libraries of a database and of reports
    from koa_worker.registrar import Registrar

_UNTIL_THE_END = 86_400.0  # seconds that a report waits for more of its study; longer than a run


@dataclass(frozen=True, slots=True)
class FileResult:
    path: Path
    outcome: Outcome
    report: Path | None = None


def process_paths(
    paths: Sequence[Path],
    config: Config,
    pipeline: Pipeline,
    *,
    out: Path | None,
    debug_roi: Path | None,
    dicom: Path | None = None,
) -> Iterator[FileResult]:
    """One result for each file below `paths`, in order; reports go to `out`, and their DICOM objects to `dicom`.

    A report is written when its study is complete; if no header gives the number of images, after the last file.
    """
    garbage.end_loading()
    opened = _registrar(config, pipeline, out) if out or dicom else nullcontext()
    with opened as registrar, _written(registrar, config, dicom):
        yield from _process(paths, config, pipeline, registrar, debug_roi, shown=bool(out))


def _process(
    paths: Sequence[Path],
    config: Config,
    pipeline: Pipeline,
    registrar: Registrar | None,
    debug_roi: Path | None,
    *,
    shown: bool,
) -> Iterator[FileResult]:
    for path in _files(paths):
        try:
            data, sha256 = load_and_digest(path, config.limits.max_file_mb * 1_000_000)
            arrival = Arrival(path, sha256, path.stat().st_size, path.name)
        except OSError as fault:
            yield FileResult(path, Failed(Arrival(path, "", 0, path.name), "io", fault.strerror or ""))
            continue
        if debug_roi is not None:
            _draw(arrival, config, debug_roi)
        outcome = pipeline.process(arrival, data)
        report = _report(registrar, outcome) if registrar and isinstance(outcome, Completed | Rejected) else None
        yield FileResult(path, outcome, report if shown else None)


def _files(paths: Sequence[Path]) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            yield from sorted(file for file in path.rglob("*") if file.is_file() and not file.name.startswith("."))
        else:
            yield path


@contextmanager
def _registrar(config: Config, pipeline: Pipeline, out: Path | None) -> Iterator[Registrar]:
    """A registrar with a temporary store. Without the folder `out`, reports are made for their DICOM objects only."""
    from koa_worker.publish.in_place import IN_PLACE
    from koa_worker.registrar import Registrar
    from koa_worker.store import Store

    with (
        tempfile.TemporaryDirectory(prefix="koa-worker-") as folder,  # made with mode 0700
        Store.open(f"sqlite:///{folder}/results.sqlite3", quiet_seconds=_UNTIL_THE_END) as store,
    ):
        store.sending.know_destinations([IN_PLACE])
        yield Registrar(store, out or Path(folder) / "reports", config.report, pipeline.grader.graded_by)


@contextmanager
def _written(registrar: Registrar | None, config: Config, dicom: Path | None) -> Iterator[None]:
    """Writes the waiting reports and the objects, also after Ctrl-C, so that hours of grading are not lost."""
    try:
        yield
    finally:
        if registrar:
            for study_key in registrar.store.reports.due():
                registrar.write_due_report(study_key)
            if dicom is not None:
                from koa_worker.publish.in_place import write_objects

                write_objects(registrar.store, config.dicom.results, dicom)


def _report(registrar: Registrar, outcome: Completed | Rejected) -> Path | None:
    """The path of the study's report, which may be written only at the end."""
    arrival = outcome.arrival
    if not registrar.store.files.take(arrival, "process").begun:  # an earlier path had the same bytes
        return None
    if isinstance(outcome, Rejected):
        kept = registrar.store.files.reject(arrival.id, outcome, str(arrival.path))
        told = outcome.ungraded is not None
    else:
        kept = registrar.complete(outcome, arrival.path)
        told = True
    if kept.study_key is None:
        return None
    if kept.revision is not None:
        registrar.write_report(kept.study_key, kept.revision)
    return registrar.path_of(kept.study_key) if told else None


def _draw(arrival: Arrival, config: Config, folder: Path) -> None:
    """The drawing is named after the file's hash, because the file's own name may be a patient's."""
    from koa_worker.knee.finding.draw_roi import draw
    from koa_worker.knee.finding.roi import trace
    from koa_worker.knee.grading.metal import metal_outline

    try:
        radiograph = read(arrival, config.limits)
    except (InputRejected, WorkFailed):
        return  # there is no image; the outcome gives the reason
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    seen = trace(radiograph)
    metal = [outline for roi in seen.rois if (outline := metal_outline(radiograph.pixels, roi.box))]
    picture = marked(cv2.imencode(".png", draw(radiograph, seen, metal))[1].tobytes())
    descriptor = os.open(folder / f"{arrival.sha256[:16]}.png", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        os.fchmod(descriptor, 0o600)  # other accounts may be able to read a file of an earlier run
        stream.write(picture)
