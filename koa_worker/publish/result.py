"""What result objects are made of: one graded image, its knees, and who graded them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from koa_worker.values import Grade, GradedBy, JointSpace, KneeRoi, RefusedKnee


class Kind(StrEnum):
    """The objects that a result is sent as."""

    STRUCTURED_REPORT = "structured_report"
    SECONDARY_CAPTURE = "secondary_capture"
    PDF = "pdf"


@dataclass(frozen=True, slots=True, eq=False)
class KneeResult:
    """One knee: where, which grade, and the two pictures that explain it."""

    roi: KneeRoi
    grade: Grade
    crop: NDArray[np.uint8]  # as the net saw it, gray
    overlay: NDArray[np.uint8]  # the same with the heatmap, RGB
    joint_space: JointSpace | None = None


@dataclass(frozen=True, slots=True, eq=False)
class ImageResult:
    """Everything that was found in one image."""

    sha256: str  # of the original file
    number: int  # of the image in its study, from 1
    rows: int  # of the stored image, in whose pixels the boxes are
    columns: int
    frame_jpeg: bytes  # the whole radiograph, small
    knees: tuple[KneeResult, ...]
    graded_by: GradedBy
    made_at: datetime
    refused: tuple[RefusedKnee, ...] = ()


@dataclass(frozen=True, slots=True)
class Document:
    """A revision of a study's PDF."""

    pdf: bytes
    revision: int
    graded_by: GradedBy
    made_at: datetime
