"""The worker's own way over one file, stage by stage, as the daemon goes it, in processor time."""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import cv2

from bench.report import print_result
from koa_worker.config import Config
from koa_worker.intake import digest
from koa_worker.pipeline import Pipeline
from koa_worker.registrar import Registrar
from koa_worker.store import Store
from koa_worker.values import Arrival, Completed, Outcome

ROUNDS = 15


def main(path: Path) -> None:
    cv2.setNumThreads(1)
    pipeline = Pipeline.load(Config())
    start_s = time.process_time()
    with tempfile.TemporaryDirectory() as folder, Store.open(f"sqlite:///{folder}/store.sqlite3") as store:
        registrar = Registrar(store, Path(folder) / "reports", Config().report, pipeline.grader.graded_by)
        spent: dict[str, list[float]] = defaultdict(list)
        per_knee = []
        for number in range(ROUNDS + 1):
            stages, knee_ms = one_round(path, pipeline, registrar, number)
            if number:  # the first one warms up
                per_knee.append(knee_ms)
                for stage, ms in stages.items():
                    spent[stage].append(ms)
    print_result(start_s, statistics.median(per_knee), {stage: statistics.median(ms) for stage, ms in spent.items()})


def one_round(path: Path, pipeline: Pipeline, registrar: Registrar, number: int) -> tuple[dict[str, float], float]:
    """Milliseconds by stage; and for one knee what the naive way is measured on, from crop to heatmap."""
    clock = Lap()
    sha256 = digest(path)
    hashing = clock()
    # The same bytes would be a duplicate the second time, and the same study a longer and longer report.
    outcome = as_another_study(pipeline.process(Arrival(path, sha256, path.stat().st_size, path.name)), number)
    arrival = replace(outcome.arrival, sha256=f"{number:04}{sha256[4:]}")
    outcome = replace(outcome, arrival=arrival)
    clock()
    registrar.store.files.take(arrival, "bench")
    kept = registrar.complete(outcome, path)
    storing = clock()
    assert kept.study_key is not None
    assert kept.revision is not None
    registrar.write_report(kept.study_key, kept.revision)
    stages = {"hash": hashing, **outcome.cpu_ms, "store": storing, "report": clock()}
    knees = len(outcome.knees)
    return stages, sum(outcome.cpu_ms[stage] for stage in ("prepare", "grade", "explain")) / knees


def as_another_study(outcome: Outcome, number: int) -> Completed:
    assert isinstance(outcome, Completed), outcome
    study = outcome.radiograph.study
    study = replace(study, study_uid=f"{study.study_uid[:50]}.{number}", sop_uid=f"{study.sop_uid[:50]}.{number}")
    return replace(outcome, radiograph=replace(outcome.radiograph, study=study))


class Lap:
    """Milliseconds of processor time since the last call."""

    def __init__(self) -> None:
        self._last = time.process_time()

    def __call__(self) -> float:
        now = time.process_time()
        passed, self._last = (now - self._last) * 1e3, now
        return passed


main(Path(sys.argv[1]))
