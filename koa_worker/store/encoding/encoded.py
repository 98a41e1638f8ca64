"""A graded file in the form for the store: the results, and the images as bytes.

It is made before the transaction, so that no lock is held during the encoding, and is small enough to be sent between
processes. The image library is imported only for encoding, so that the dispatcher never loads it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from koa_worker.values import (
    Completed,
    Fingerprint,
    Grade,
    GradedKnee,
    JointSpace,
    KneeRoi,
    Laterality,
    Patient,
    Radiograph,
    RefusedKnee,
    Spacing,
    Study,
)


@dataclass(frozen=True, slots=True)
class EncodedFrame:
    """A radiograph without its pixels: its attributes, and a small image of it."""

    jpeg: bytes = field(repr=False)
    width: int  # in pixels, of the radiograph itself
    height: int
    format: str
    laterality: Laterality
    column_zero_side: str
    spacing: Spacing | None
    details: dict[str, str]
    fingerprint: Fingerprint


@dataclass(frozen=True, slots=True)
class EncodedKnee:
    """A knee with its grade, its crop as PNG and its heatmap as .npy."""

    roi: KneeRoi
    grade: Grade
    joint_space: JointSpace | None
    crop: bytes = field(repr=False)
    heatmap: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class EncodedResult:
    """Everything of a graded file that is stored."""

    study: Study = field(repr=False)
    patient: Patient = field(repr=False)
    frame: EncodedFrame
    knees: tuple[EncodedKnee, ...]
    refused: tuple[RefusedKnee, ...]
    timings_ms: dict[str, float]


def encode(outcome: Completed) -> EncodedResult:
    radiograph = outcome.radiograph
    knees = tuple(_knee(knee) for knee in outcome.knees)
    return EncodedResult(
        radiograph.study, radiograph.patient, _frame(radiograph), knees, outcome.refused, outcome.timings_ms
    )


def _frame(radiograph: Radiograph) -> EncodedFrame:
    from koa_worker.store.encoding.pictures import encode_frame  # noqa: PLC0415

    height, width = (int(length) for length in radiograph.pixels.shape)
    return EncodedFrame(
        jpeg=encode_frame(radiograph.pixels, radiograph.half),
        width=width,
        height=height,
        format=radiograph.format,
        laterality=radiograph.laterality,
        column_zero_side=radiograph.column_zero_side,
        spacing=radiograph.spacing,
        details=radiograph.details,
        fingerprint=radiograph.fingerprint,
    )


def _knee(knee: GradedKnee) -> EncodedKnee:
    from koa_worker.store.encoding.pictures import encode_crop, encode_heatmap  # noqa: PLC0415

    crop, heatmap = encode_crop(knee.crop), encode_heatmap(knee.heatmap.values)
    return EncodedKnee(knee.roi, knee.grade, knee.joint_space, crop, heatmap)
