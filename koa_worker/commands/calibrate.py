"""Fits a site's scale to its readers' grades, and prints the result in the terminal."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from koa_worker.calibration import collect, scale_page
from koa_worker.calibration.crops import write_crops
from koa_worker.calibration.grades_file import read_grades
from koa_worker.calibration.run import Calibrated, calibrate
from koa_worker.config import Config
from koa_worker.pipeline import Pipeline
from koa_worker.store import Store

NO_BETTER = "The site's scale is no better than the release on knees that it has not seen. Nothing is written."


def run(config: Config, grades: Path | None, out: Path, crops: Path | None = None) -> Iterator[str]:
    """Sentences for a person; the last one begins with `NO_BETTER` if nothing was written."""
    model = config.model.model_copy(update={"site": ""})  # the release's own answers are needed
    pipeline = Pipeline.load(config.model_copy(update={"model": model}))
    wanted = crops is not None
    if grades is not None:
        given, notes = read_grades(grades)
        yield from notes
        collected = collect.from_file(given, pipeline, lambda: Store.of(config.store), crops=wanted)
        told = list(collected.notes)
        collected.notes[:0] = notes
    else:
        with Store.of(config.store) as store:
            collected = collect.from_readings(store, pipeline.grader.digest, crops=wanted)
        told = collected.notes
    yield from told
    if crops is not None:
        yield f"Written for koa-train: {', '.join(map(str, write_crops(collected.knees, crops)))}."
    source = "grades file" if grades is not None else "readings"
    yield from _said(calibrate(collected, pipeline.grader.graded_by, out, source), collected)


def _said(calibrated: Calibrated, collected: collect.Collected) -> Iterator[str]:
    judgement = calibrated.judgement
    yield from scale_page.suspicions(judgement, collected)
    yield f"{len(collected.knees)} knees. {scale_page.summary(judgement)}"
    if calibrated.written:
        names = ", ".join(str(path) for path in calibrated.written)
        yield f'Written: {names}. To use the scale, set [model] site = "{calibrated.written[0]}".'
    else:
        yield NO_BETTER
