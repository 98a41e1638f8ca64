"""A file that has arrived, and its outcome."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from pathlib import Path

from koa_worker.values.grade import GradedBy
from koa_worker.values.image import Patient, Radiograph, Study
from koa_worker.values.knee import GradedKnee, RefusedKnee
from koa_worker.values.side import Side


def new_id() -> str:
    """A random id for a file, which says nothing about its patient."""
    return uuid.uuid4().hex


@dataclass(frozen=True, slots=True)
class Arrival:
    """A complete file that has arrived: its path, hash, size and name."""

    path: Path
    sha256: str
    size: int
    name: str  # the file's own name; it may name a patient, so it goes only into the store
    id: str = field(default_factory=new_id)  # names it in logs, paths and folders from here on


@dataclass(frozen=True, slots=True, eq=False)
class Completed:
    """The file was graded: at least one knee in it has a grade."""

    arrival: Arrival
    radiograph: Radiograph
    knees: tuple[GradedKnee, ...]
    timings_ms: dict[str, float]
    refused: tuple[RefusedKnee, ...] = ()  # other knees in the same frame
    cpu_ms: dict[str, float] = field(default_factory=dict)  # the CPU time of each stage


@dataclass(frozen=True, slots=True)
class Ungraded:
    """A knee without a grade in a rejected file: it was seen, or the header names it. The results say so."""

    named: tuple[Side, ...]  # by the header; empty: the image alone shows a knee
    looked: GradedBy  # the release that tried


@dataclass(frozen=True, slots=True)
class Rejected:
    """The file cannot be graded, with the reason."""

    arrival: Arrival
    code: str
    detail: str
    study: Study | None = None
    patient: Patient | None = None
    refused: tuple[RefusedKnee, ...] = ()  # seen in the frame, each with its own reason
    ungraded: Ungraded | None = None  # of a DICOM object that is about a knee


@dataclass(frozen=True, slots=True)
class Failed:
    """The worker failed on the file; it is retried."""

    arrival: Arrival
    code: str
    detail: str


Outcome = Completed | Rejected | Failed
