"""Lines of the tables of all results."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from koa_worker.study.earlier import Course
from koa_worker.study.knees import StudyKnee
from koa_worker.values import Grade, JointSpace, KneeRoi, RefusedKnee


@dataclass(frozen=True, slots=True)
class ExportedKnee:
    """A graded knee for the table of all results; it names no patient."""

    image: Mapping[str, Any]
    legs: int  # number of all knees in the image
    position: int
    roi: KneeRoi
    grade: Grade
    joint_space: JointSpace | None
    grading: Mapping[str, Any]  # who graded it, when, and whether the grade counts


@dataclass(frozen=True, slots=True)
class ExportedStudyKnee:
    """One knee of a study with all its images, for the table of studies; it names a patient only on request."""

    study_key: str
    study_uid: str
    knee: StudyKnee
    course: Course | None  # if there is an earlier exam of the knee
    identity: Mapping[str, Any] = field(default_factory=dict, repr=False)  # only on request


@dataclass(frozen=True, slots=True)
class ExportedRefusal:
    """A knee without a grade, for the same table; of the image of a rejected file only its study is known."""

    image: Mapping[str, Any]
    legs: int  # number of all knees in the image
    position: int  # among the refused, from left to right
    knee: RefusedKnee
