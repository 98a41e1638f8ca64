"""Matches the readers' grades with the release's answers for the same knees."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from koa_worker.calibration.fit import ReadKnees
from koa_worker.calibration.grades_file import GivenGrade
from koa_worker.errors import CATALOGUE
from koa_worker.intake import digest
from koa_worker.pipeline import Pipeline
from koa_worker.store import Store
from koa_worker.store.encoding.pictures import encode_crop
from koa_worker.store.site_scale import KneeReading
from koa_worker.values import Arrival, Completed, Grade, Rejected, Side
from koa_worker.watch.agreement import Estimate, agreement_of_pairs


@dataclass(frozen=True, slots=True)
class ReadKnee:
    """One knee with the readers' grade."""

    key: str  # equal for the same knee in several lines
    subject: str
    kl: int
    grade: Grade
    where: str  # for a person: the line of the file, or the image
    crop: bytes = field(default=b"", repr=False)  # as the model saw it: PNG; empty without --crops


@dataclass(frozen=True, slots=True)
class Ceiling:
    """The agreement of the site's readers with one another; no model can agree better with them."""

    readers: int
    knees: int
    accuracy: Estimate
    kappa: Estimate | None  # None if it is not defined, for example if all grades are the same


@dataclass(slots=True)
class Collected:
    """The knees, the reasons why others were left out, and the agreement of several readers."""

    knees: list[ReadKnee] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    ceiling: Ceiling | None = None

    def as_arrays(self) -> ReadKnees:
        return ReadKnees(
            np.array([knee.grade.by_release for knee in self.knees]).reshape(-1, 5),
            np.array([knee.kl for knee in self.knees], dtype=np.int64),
            np.array([knee.subject for knee in self.knees], dtype=np.str_),
        )


@dataclass(frozen=True, slots=True)
class _Answered:
    """A knee that the release has graded."""

    key: str
    subject: str
    side: Side
    grade: Grade
    crop: bytes = field(default=b"", repr=False)


def from_file(
    given: Iterable[GivenGrade], pipeline: Pipeline, store: Callable[[], Store], *, crops: bool = False
) -> Collected:
    """Grades the images that are named by path, and finds the others in the store, which is opened only for them."""
    collected, images = Collected(), _Images(pipeline, store, crops=crops)
    found: dict[str, list[ReadKnee]] = defaultdict(list)
    for line in given:
        answered = images.of(line)
        if isinstance(answered, str):
            collected.notes.append(f"Line {line.line}: {answered}")
            continue
        chosen = _chosen(line, answered)
        if isinstance(chosen, str):
            collected.notes.append(f"Line {line.line}: {chosen}")
            continue
        for knee in chosen:
            subject = line.subject or knee.subject
            found[knee.key].append(ReadKnee(knee.key, subject, line.kl, knee.grade, f"line {line.line}", knee.crop))
    images.close()
    for knees in found.values():
        lines = ", ".join(knee.where for knee in knees)
        if len({knee.kl for knee in knees}) > 1:
            collected.notes.append(f"The same knee has different grades and is left out: {lines}.")
            continue
        if len(knees) > 1:
            collected.notes.append(f"The same knee is given more than once and counts once: {lines}.")
        collected.knees.append(knees[0])
    return collected


class _Images:
    """The knees of each image, graded once."""

    def __init__(self, pipeline: Pipeline, store: Callable[[], Store], *, crops: bool) -> None:
        self._crops = crops
        self._pipeline = pipeline
        self._open = store
        self._store: Store | None = None
        self._known: dict[str, tuple[_Answered, ...] | str] = {}

    def of(self, line: GivenGrade) -> tuple[_Answered, ...] | str:
        """The knees of the image of a line, or the reason why there are none."""
        name = str(line.path or line.sop_uid)
        if name not in self._known:
            self._known[name] = self._graded(line) if line.path else self._stored(line.sop_uid)
        return self._known[name]

    def _graded(self, line: GivenGrade) -> tuple[_Answered, ...] | str:
        assert line.path is not None  # noqa: S101 - checked before
        try:
            arrival = Arrival(line.path, digest(line.path), line.path.stat().st_size, line.path.name)
        except OSError as fault:
            return f"the file cannot be read: {fault.strerror}."
        outcome = self._pipeline.process(arrival)
        if not isinstance(outcome, Completed):
            what = "is rejected" if isinstance(outcome, Rejected) else "failed"
            return f"the file {what} ({outcome.code}). {CATALOGUE[outcome.code].sentence}"
        subject = outcome.radiograph.patient.id or outcome.radiograph.study.study_uid
        return tuple(
            _Answered(
                f"{arrival.sha256} {place}",
                subject,
                knee.roi.side,
                knee.grade,
                encode_crop(knee.crop) if self._crops else b"",
            )
            for place, knee in enumerate(outcome.knees)
        )

    def _stored(self, sop_uid: str) -> tuple[_Answered, ...] | str:
        self._store = self._store or self._open()
        knees = self._store.site_scales.knees_of(sop_uid)
        if not knees:
            return "the database has no graded knee of this image."
        if any(knee.model_digest != self._pipeline.grader.digest for knee in knees):
            return "another release graded this image; run koa-worker regrade first."
        crops = {knee.id: self._store.site_scales.crop_png(knee.id) if self._crops else b"" for knee in knees}
        return tuple(_Answered(str(knee.id), knee.subject, knee.side, knee.grade, crops[knee.id]) for knee in knees)

    def close(self) -> None:
        if self._store is not None:
            self._store.close()


def _chosen(line: GivenGrade, knees: Sequence[_Answered]) -> Sequence[_Answered] | str:
    """The knees of an image that a line means."""
    if line.side == "both":
        return knees
    if len(knees) > 1 and not line.side:
        return f"the image shows {len(knees)} knees and the line names no side."
    if not line.side or (len(knees) == 1 and knees[0].side is Side.UNKNOWN):
        return knees
    of_side = [knee for knee in knees if knee.side == line.side]
    return of_side if len(of_side) == 1 else f"the image shows no graded {line.side} knee that is known to be one."


def from_readings(store: Store, release_digest: str, *, crops: bool = False) -> Collected:
    """The median of the readers' last grades for each knee; with an even number, the mean of the middle two.

    A mean between two grades is rounded to the even grade. If a knee has blind readings, only those count, because a
    reader who knew the release's answer tends towards it.
    """
    collected, said = Collected(), _by_knee(store.site_scales.last_readings())
    others = blind = 0
    for knee in store.site_scales.read_knees():
        if knee.model_digest != release_digest:
            others += 1
            continue
        kl = int(np.round(np.median([reading.kl for reading in said[knee.id]])))
        blind += all(reading.blind for reading in said[knee.id])
        crop = store.site_scales.crop_png(knee.id) if crops else b""
        collected.knees.append(ReadKnee(str(knee.id), knee.subject, kl, knee.grade, f"image {knee.sop_uid}", crop))
    if 0 < blind < len(collected.knees):
        rest = len(collected.knees) - blind
        collected.notes.append(f"Of {blind} knees only blind readings count; the other {rest} have none.")
    if others:
        collected.notes.append(f"Another release graded {others} of the knees; run koa-worker regrade first.")
    collected.ceiling = _ceiling(collected, said)
    return collected


def _by_knee(readings: Iterable[KneeReading]) -> dict[int, list[KneeReading]]:
    """The readings of each knee that count: only the blind ones, if there are any."""
    found: dict[int, list[KneeReading]] = defaultdict(list)
    for reading in readings:
        found[reading.knee_id].append(reading)
    return {knee: [one for one in said if one.blind] or said for knee, said in found.items()}


def _ceiling(collected: Collected, said: dict[int, list[KneeReading]]) -> Ceiling | None:
    """The agreement of readers on knees that at least two of them graded; each pair counts in both orders."""
    pairs, subjects = [], []
    for knee in collected.knees:
        for one, other in itertools.permutations(said[int(knee.key)], 2):
            pairs.append((one.kl, other.kl))
            subjects.append(knee.subject)
    if not pairs:
        return None
    accuracy, kappa = agreement_of_pairs(np.array(pairs), np.array(subjects, dtype=np.str_))
    readers = {reading.reader for readings in said.values() for reading in readings}
    twice = sum(len(said[int(knee.key)]) > 1 for knee in collected.knees)
    return Ceiling(len(readers), twice, accuracy, kappa)
