"""The parts of a report, made of drawn pictures: no radiograph is needed here."""

from __future__ import annotations

import dataclasses
from datetime import UTC, date, datetime

import cv2
import numpy as np
from numpy.typing import NDArray

from koa_worker.report.content import ImageEntry, KneeEntry, RejectedEntry, StudyReport
from koa_worker.report.picture import Picture, encode_crop
from koa_worker.study.knees import SeenKnee, bring_together
from koa_worker.values import (
    Box,
    Grade,
    GradedBy,
    KneeRoi,
    Patient,
    ReviewCode,
    ReviewReason,
    Side,
    Spacing,
    SpacingSource,
    Study,
)

MODEL = "koa-small-v1"
PROBABILITIES = {
    0: (0.86, 0.11, 0.02, 0.01, 0.0),
    1: (0.31, 0.39, 0.27, 0.03, 0.0),
    2: (0.08, 0.21, 0.58, 0.12, 0.01),
    3: (0.0, 0.02, 0.14, 0.78, 0.06),
    4: (0.0, 0.0, 0.0, 0.004, 0.996),
}
REASONS = (
    ReviewReason(ReviewCode.LOW_CONFIDENCE, 0.39, 0.45),
    ReviewReason(ReviewCode.DISAGREEMENT, 1, 3),
    ReviewReason(ReviewCode.BORDERLINE, 0.48, 0.1),
)
PATIENT = Patient("Lindqvist Anna Maria", "KOA-004711", date(1951, 3, 12), "F")
STUDY = Study(
    "1.2.3.4",
    "1.2.3.4.1",
    accession="A2026-118204",
    description="Knees, standing",
    date=datetime(2026, 11, 20, 10, 42),
    view="PA",
    institution="Kungsbacka Clinic",
)


def draw_plate(columns: int = 2000, rows: int = 1600, joints: tuple[float, ...] = (0.28, 0.72)) -> NDArray[np.uint8]:
    """Legs as bright pillars with a dark joint line halfway down."""
    y, x = np.mgrid[0:rows, 0:columns].astype(np.float32)
    picture = np.full((rows, columns), 18.0, np.float32)
    leg = 0.2 * columns if len(joints) > 1 else 0.3 * columns
    for joint in joints:
        across = (x - joint * columns) / leg
        down = (y / rows - 0.5) * 6
        flare = 0.55 + 0.2 * np.exp(-(down**2))
        picture += 70 * np.exp(-((across * 1.1) ** 4)) + 110 * np.exp(-((across / flare) ** 6))
        picture -= 90 * np.exp(-((down * 6) ** 2)) * np.exp(-((across / flare) ** 6))
    noise = np.random.default_rng(1).normal(0, 4, picture.shape)
    return np.clip(picture + noise, 0, 255).astype(np.uint8)


def draw_overlay(crop: NDArray[np.uint8]) -> NDArray[np.uint8]:
    y, x = np.mgrid[0:224, 0:224] / 224
    warmth = (255 * np.exp(-(((x - 0.7) * 4) ** 2) - ((y - 0.5) * 6) ** 2)).astype(np.uint8)
    colours = cv2.cvtColor(cv2.applyColorMap(warmth, cv2.COLORMAP_INFERNO), cv2.COLOR_BGR2RGB)
    gray = np.repeat(crop[..., None], 3, axis=2)
    return cv2.addWeighted(colours, 0.4, gray, 0.6, 0)


def grade_of(kl: int, *reasons: ReviewReason, model: str = MODEL) -> Grade:
    shares = PROBABILITIES[kl]
    return Grade(kl, shares, shares[kl], sum(shares[2:]), 1.0, reasons, model)


def draw_image(
    file_id: str,
    grades: dict[Side, Grade] | list[tuple[Side, Grade]],
    *,
    study: Study = STUDY,
    size: tuple[int, int] = (2000, 1600),
    file_format: str = "DICOM",
    spacing: Spacing | None = Spacing(0.148, 0.148, SpacingSource.DETECTOR),  # noqa: B008
    whole: bool = False,
):
    pairs = list(grades.items()) if isinstance(grades, dict) else grades
    columns, rows = size
    joints = (0.28, 0.72) if len(pairs) > 1 else (0.5,)
    pixels = draw_plate(columns, rows, joints)
    edge = int(min(rows, columns * (0.38 if len(pairs) > 1 else 0.7)) * 0.9)
    knees = []
    for (side, grade), joint in zip(pairs, joints, strict=True):
        box = Box(int(joint * columns - edge / 2), (rows - edge) // 2, edge, edge)
        box = Box(0, 0, columns, rows) if whole else box
        part = pixels[max(0, box.y) : box.y + box.height, max(0, box.x) : box.x + box.width]
        crop = cv2.resize(part, (224, 224), interpolation=cv2.INTER_AREA)
        roi, position = KneeRoi(box, side, whole), len(knees)
        knees.append(KneeEntry(roi, grade, encode_crop(crop), encode_crop(draw_overlay(crop)), position=position))
    shrink = min(1.0, 900 / max(size))
    small = cv2.resize(pixels, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA)
    frame = Picture(cv2.imencode(".jpg", small)[1].tobytes())
    return ImageEntry(file_id, 1, file_format, study.view, study.date, columns, rows, spacing, frame, tuple(knees))


def seen_in(image: ImageEntry) -> list[SeenKnee]:
    return [
        SeenKnee(image.id, knee.position, image.id, knee.roi.side, image.view, False, knee.grade, knee.joint_space)
        for knee in image.knees
    ]


def report_of(*images, rejected: tuple[RejectedEntry, ...] = (), patient=PATIENT, study=STUDY, revision=1):
    return StudyReport(
        id="5f0c1e8a9b7d4c32a1f0e6d5c4b3a291",
        revision=revision,
        made_at=datetime(2026, 11, 21, 10, 15, tzinfo=UTC),
        patient=patient,
        study=study,
        images=tuple(dataclasses.replace(image, number=place) for place, image in enumerate(images, start=1)),
        rejected=rejected,
        study_knees=bring_together(knee for image in images for knee in seen_in(image)),
        graded_by=GradedBy(MODEL, "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", "0.1.0"),
    )
