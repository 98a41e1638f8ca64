"""The regions and points of a knee's results in the structured report, so that a viewer can draw them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import highdicom as hd
from highdicom.sr import (
    CodeContentItem,
    CoordinatesForMeasurement,
    ImageContentItem,
    ImageRegion,
    Measurement,
    SourceImageForRegion,
    TrackingIdentifier,
)
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as Items
from pydicom.uid import SecondaryCaptureImageStorage

from koa_worker.publish.objects import codes, coordinates, uids
from koa_worker.publish.objects.original import Original
from koa_worker.publish.objects.result import ImageResult, KneeResult, ResultKind
from koa_worker.values import Box, Compartment, KneeRoi

PLACES_MM = 1  # decimals of a width: a pixel is larger than a hundredth of a millimetre
PLACES_PERCENT = 1  # decimals of a probability in per cent


def region(original: Original, result: ImageResult, roi: KneeRoi) -> ImageRegion:
    """The box around a knee (TID 1410)."""
    return ImageRegion("POLYLINE", coordinates.outline(roi.box, result.rows, result.columns), _source(original))


def width(original: Original, result: ImageResult, part: Compartment, width_mm: float) -> Measurement:
    """The minimum width, from the two points where the space is narrowest: OHIF reads no more than one line of it."""
    line = coordinates.narrowest(part, result.spacing, result.rows, result.columns)
    return Measurement(
        codes.WIDTHS[part.name],
        round(width_mm, PLACES_MM),
        codes.MILLIMETRE,
        referenced_coordinates=[CoordinatesForMeasurement("POLYLINE", line, _source(original), codes.SOURCE)],
    )


def between(original: Original, result: ImageResult, part: Compartment) -> ImageRegion:
    """The joint space itself: along the margin of the femur and back along that of the tibia."""
    return ImageRegion("POLYLINE", coordinates.space(part, result.rows, result.columns), _source(original))


def everything(original: Original, result: ImageResult) -> ImageRegion:
    """The whole image as the region, if the position of the knee in it is unknown."""
    frame = Box(0, 0, result.columns, result.rows)
    return ImageRegion("POLYLINE", coordinates.outline(frame, result.rows, result.columns), _source(original))


def measured(knee: KneeResult) -> Iterator[tuple[Compartment, float]]:
    """The clear compartments with an anatomical name and their minimum widths, if the file gives the pixel size."""
    space = knee.joint_space
    for name in codes.WIDTHS:
        part = space.find(name) if space else None
        if part is not None and part.min_mm is not None:
            yield part, part.min_mm


def explain(group: Dataset, original: Original, result: ImageResult) -> None:
    """Names the capture with the heatmaps in a group of a knee."""
    shown = ImageContentItem(
        codes.VISUAL_EXPLANATION,
        SecondaryCaptureImageStorage,
        uids.of_image_object(ResultKind.SECONDARY_CAPTURE, original.sop_uid, result),
        relationship_type="CONTAINS",
    )
    kind = CodeContentItem(codes.METHOD, codes.CLASS_ACTIVATION, relationship_type="HAS CONCEPT MOD")
    shown.ContentSequence = Items([kind])
    group.ContentSequence.append(shown)


def capture_evidence(original: Original, result: ImageResult) -> Dataset:
    """The header of the capture, as far as the library needs it to name its series."""
    said = Dataset()
    said.SOPClassUID = SecondaryCaptureImageStorage
    said.SOPInstanceUID = uids.of_image_object(ResultKind.SECONDARY_CAPTURE, original.sop_uid, result)
    said.StudyInstanceUID = original.study_uid
    said.SeriesInstanceUID = uids.of_series(ResultKind.SECONDARY_CAPTURE, original.study_uid, result.graded_by.digest)
    return said


def tracking_of(
    what: Literal["width", "margins"], original: Original, result: ImageResult, roi: KneeRoi, part: Compartment
) -> TrackingIdentifier:
    """A tracking identifier for one part of a knee, beside that of the knee."""
    words = f"{part.name} joint space" if what == "width" else f"margins of the {part.name} joint space"
    uid = uids.derive(what, original.sop_uid, result.image, *roi.box.as_list(), part.name)
    return TrackingIdentifier(uid=hd.UID(uid), identifier=f"{roi.side} knee, {words}")


def _source(original: Original) -> SourceImageForRegion:
    return SourceImageForRegion(original.sop_class_uid, original.sop_uid)
