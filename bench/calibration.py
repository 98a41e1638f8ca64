"""The benefit of a site's own scale: `python -m bench.calibration DATA [--hospital-only]` prints the tables of
docs/calibration.md.

- `hospital/`: another hospital's frames and grades, cross-validated.
- `oai-raw-224/val`: grades that are changed in known ways, and simulated readers; the part of the change that a scale
  recovers on knees of other subjects.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from koa_worker.calibration.figures import compare, measure
from koa_worker.calibration.fit import Ints, ReadKnees, fit_best
from koa_worker.calibration.judge import cross_validate, learning_curve
from koa_worker.config import Config
from koa_worker.intake import digest
from koa_worker.knee.grading.prepare import prepared
from koa_worker.pipeline import Pipeline
from koa_worker.values import Arrival, Completed
from koa_worker.watch.agreement import confusion, kappa

SIZES = (30, 100)
DRAWS = 10
Change = Callable[[Ints, np.random.Generator], Ints]


def hospital(data: Path, pipeline: Pipeline) -> ReadKnees:
    """Both knees of a frame have the grade of its folder, and the frame is the subject."""
    found = []
    for path in sorted((data / "hospital").rglob("*.*")):
        outcome = pipeline.process(Arrival(path, digest(path), path.stat().st_size, path.name))
        if isinstance(outcome, Completed):
            found += [(knee.grade.by_release, int(path.parent.name), path.stem) for knee in outcome.knees]
    return _knees(found)


def validation(data: Path, pipeline: Pipeline) -> ReadKnees:
    paths = sorted((data / "oai-raw-224/val").rglob("*.png"))
    pictures = (prepared(np.asarray(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE), np.uint8)) for path in paths)
    grades = [pipeline.grader.grade(picture)[0].by_release for picture in pictures]
    return _knees([(said, int(path.parent.name), path.stem[:7]) for said, path in zip(grades, paths, strict=True)])


def _knees(found: list[tuple[tuple[float, ...], int, str]]) -> ReadKnees:
    said, kl, subjects = zip(*found, strict=True)
    return ReadKnees(np.array(said), np.array(kl, dtype=np.int64), np.array(subjects, dtype=np.str_))


def _moved(below: float, above: float) -> Change:
    """These shares of the readings are a grade lower and higher."""

    def change(kl: Ints, rng: np.random.Generator) -> Ints:
        chance = rng.random(len(kl))
        moved = kl - (chance < below) + (chance > 1 - above)
        return np.clip(moved, 0, 4)

    return change


def _compressed(kl: Ints, rng: np.random.Generator) -> Ints:
    """Readers who avoid the ends of the scale: most 0 become 1, and most 4 become 3."""
    change = rng.random(len(kl)) < 0.7
    return np.where(change & (kl == 0), 1, np.where(change & (kl == 4), 3, kl))


def _never_one(kl: Ints, rng: np.random.Generator) -> Ints:
    """Readers who do not use the doubtful grade."""
    return np.where(kl == 1, np.where(rng.random(len(kl)) < 0.5, 0, 2), kl)


def _typing_errors(kl: Ints, rng: np.random.Generator) -> Ints:
    """A whole grade lower for half of the knees, and one random grade in twenty."""
    return np.where(rng.random(len(kl)) < 0.05, rng.integers(0, 5, len(kl)), _moved(0.5, 0.0)(kl, rng))


CHANGES: dict[str, Change] = {
    "unchanged": lambda kl, _: kl,
    "half of the knees one lower": _moved(0.5, 0.0),
    "half of the knees one higher": _moved(0.0, 0.5),
    "all knees one higher": _moved(0.0, 1.1),
    "compressed to the middle": _compressed,
    "grade 1 never used": _never_one,
    "noise: a fifth one lower, a fifth one higher": _moved(0.2, 0.2),
    "one lower for half, and 5 % typing errors": _typing_errors,
}


@dataclass(frozen=True, slots=True)
class Recovery:
    """Means over the draws, on subjects that the scale has not seen; the truth is the change without its noise."""

    kappa_before: float
    bias_before: float  # mean given grade minus the readers' mean grade
    after: tuple[tuple[float, float], ...]  # both after fits to these numbers of knees; the last one to all others


def recover(knees: ReadKnees, change: Change) -> Recovery:
    """Half of the subjects judge; the scale is fitted to knees of the others."""
    rows = []
    for draw in range(DRAWS):
        rng = np.random.default_rng([5, draw])
        read = ReadKnees(knees.probabilities, change(knees.kl, rng), knees.subjects)
        names = rng.permutation(np.unique(read.subjects))
        judges = np.isin(read.subjects, names[: len(names) // 2])
        rest, judged = rng.permutation(np.flatnonzero(~judges)), read[judges]
        said = [judged.probabilities]
        said += [fit_best(read[rest[:most]])[0].apply(judged.probabilities) for most in (*SIZES, len(rest))]
        rows.append([_kappa_and_bias(judged.kl, one.argmax(axis=1)) for one in said])
    before, *after = np.mean(rows, axis=0).tolist()
    return Recovery(*before, tuple(map(tuple, after)))


def _kappa_and_bias(truth: Ints, given: Ints) -> tuple[float, float]:
    return float(kappa(confusion(truth, given))), float((given - truth).mean())


def false_alarms(knees: ReadKnees, size: int, rounds: int = 40) -> float:
    """The share of scales called better although the readers use the release's own: grades drawn from its answers."""
    alarms = 0
    for number in range(rounds):
        rng = np.random.default_rng([6, number])
        chosen = rng.choice(len(knees), size, replace=False)
        kl = np.array([rng.choice(5, p=said / said.sum()) for said in knees.probabilities[chosen]])
        read = ReadKnees(knees.probabilities[chosen], kl, np.array([str(knee) for knee in range(size)]))
        alarms += compare(read, cross_validate(read), rounds=400).is_one
    return alarms / rounds


def tables(data: Path, *, only_hospital: bool = False) -> Iterator[str]:
    pipeline = Pipeline.load(Config())
    site = hospital(data, pipeline)
    yield from _of_hospital(site)
    if only_hospital:
        return
    knees = validation(data, pipeline)
    yield ""
    yield f"{len(knees)} knees, {len(np.unique(knees.subjects))} subjects, half of them to judge; {DRAWS} draws."
    yield ""
    yield "| readers | release | after 30 knees | after 100 | after all others |"
    yield "| --- | ---: | ---: | ---: | ---: |"
    for name, change in CHANGES.items():
        one = recover(knees, change)
        figures = [(one.kappa_before, one.bias_before), *one.after]
        yield f"| {name} | " + " | ".join(f"{agreed:.3f} ({bias:+.2f})" for agreed, bias in figures) + " |"
    yield ""
    yield "| graded knees, half one lower | kappa | worst to best tenth | accuracy |"
    yield "| ---: | ---: | ---: | ---: |"
    rng = np.random.default_rng(1)
    for step in learning_curve(ReadKnees(knees.probabilities, _moved(0.5, 0.0)(knees.kl, rng), knees.subjects)):
        yield f"| {step.knees} | {step.kappa:.3f} | {step.low:.3f} to {step.high:.3f} | {step.accuracy:.3f} |"
    yield ""
    for size in SIZES:
        yield f"Readers as the release, {size} knees: called better in {false_alarms(knees, size):.1%} of 40 sites."


def _of_hospital(site: ReadKnees) -> Iterator[str]:
    unseen = cross_validate(site)
    yield f"hospital: {len(site)} knees, {len(np.unique(site.subjects))} subjects, each judged by the others' scale."
    yield ""
    yield "| | release | site's scale |"
    yield "| --- | ---: | ---: |"
    before, after = measure(site, site.probabilities), measure(site, unseen)
    for name in ("accuracy", "kappa", "error", "loss"):
        yield f"| {name} | {getattr(before, name)} | {getattr(after, name)} |"
    gain = compare(site, unseen)
    yield ""
    yield f"Gain: kappa {gain.kappa}, log loss {gain.loss}. Scale of all: {fit_best(site)}"


if __name__ == "__main__":
    for line in tables(Path(sys.argv[1]), only_hospital="--hospital-only" in sys.argv[2:]):
        print(line, flush=True)
