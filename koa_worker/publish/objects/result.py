"""The content of result objects: one graded image, its knees, and the model and program that graded them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from koa_worker.study.earlier import Course
from koa_worker.study.knees import StudyKnee
from koa_worker.values import Grade, GradedBy, JointSpace, KneeRoi, RefusedKnee, Side, Spacing


class ResultKind(StrEnum):
    """The kinds of objects that results are sent as."""

    STRUCTURED_REPORT = "structured_report"
    SECONDARY_CAPTURE = "secondary_capture"
    PRESENTATION = "presentation"
    PDF = "pdf"
    REJECTION_NOTE = "rejection_note"  # names the objects that are replaced


# The kinds that the settings choose from.
CHOSEN = (ResultKind.STRUCTURED_REPORT, ResultKind.SECONDARY_CAPTURE, ResultKind.PRESENTATION, ResultKind.PDF)


@dataclass(frozen=True, slots=True)
class Replaced:
    """A result object that another one replaces, with the UIDs by which the PACS finds it."""

    study_uid: str
    series_uid: str
    sop_class_uid: str
    sop_uid: str


@dataclass(frozen=True, slots=True, eq=False)
class KneeResult:
    """One knee: its box, its grade, and the two images that explain it."""

    roi: KneeRoi
    grade: Grade
    crop: NDArray[np.uint8]  # as the model saw it, gray
    overlay: NDArray[np.uint8]  # the same with the heatmap, RGB
    joint_space: JointSpace | None = None
    line: StudyKnee | None = None  # the knee in all images of the study, where this image's grade stands for it
    course: Course | None = None  # and its course, where an earlier exam shows it

    @property
    def needs_review(self) -> bool:
        return bool(self.line.review_reasons) if self.line else self.grade.needs_review


@dataclass(frozen=True, slots=True)
class UnseenKnee:
    """A knee that the header of an image names but that was not found in it, with the code of the reason."""

    side: Side
    code: str


@dataclass(frozen=True, slots=True, eq=False)
class ImageResult:
    """All results of one image, or the reason why it has none."""

    image: str  # digest of the image: of its pixels, or of its file if there is no digest of the pixels
    content: tuple[str, ...]  # digest of what the results derive from: the displayed pixels and the header, or the file
    number: int  # of the image in its study, from 1
    rows: int  # of the stored image; the boxes are in its pixels
    columns: int
    frame_jpeg: bytes  # the whole radiograph, reduced in size
    knees: tuple[KneeResult, ...]
    graded_by: GradedBy
    made_at: datetime
    refused: tuple[RefusedKnee, ...] = ()
    unseen: tuple[UnseenKnee, ...] = ()
    spacing: Spacing | None = None
    explained: bool = False  # a capture with the heatmaps is made too

    @property
    def context(self) -> tuple[object, ...]:
        """The part of the results about other images and exams; empty if there is none."""
        said: list[object] = []
        for knee in self.knees:
            others = knee.line.others if knee.line else ()
            said += [(seen.sop_uid, seen.position, seen.grade.kl) for seen in others]
            if knee.course is not None:
                said += [(point.date.isoformat(), point.knee.stands.grade.kl) for point in knee.course.points]
                said += [(change.name.value, change.then_mm, change.now_mm) for change in knee.course.spaces]
        return tuple(said)


@dataclass(frozen=True, slots=True)
class Document:
    """A revision of the PDF of a study."""

    pdf: bytes
    revision: int
    graded_by: GradedBy
    made_at: datetime
    content: tuple[str, ...] = ()  # what its images are; empty for a study of an earlier version
