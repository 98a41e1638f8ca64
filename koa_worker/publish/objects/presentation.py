"""Boxes, margins and labels over the original, as Grayscale Softcopy Presentation State Storage (PS3.3 A.33.1).

Nothing is burnt in: a viewer lays the layers over the image that it has, and switches them on and off.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from highdicom.pr import (
    GraphicAnnotation,
    GraphicLayer,
    GraphicObject,
    GrayscaleSoftcopyPresentationState,
    TextObject,
)
from pydicom.dataset import Dataset
from pydicom.uid import GrayscaleSoftcopyPresentationStateStorage

from koa_worker.publish.objects import base, codes, coordinates, uids
from koa_worker.publish.objects.original import Original
from koa_worker.publish.objects.result import ImageResult, KneeResult, Replaced, ResultKind
from koa_worker.report import words
from koa_worker.system.own_objects import MANUFACTURER
from koa_worker.values import GRADE_WORDS, Box, RefusedKnee, Side

# The layers by name, which is a code string; later ones are drawn over earlier ones.
BOXES = GraphicLayer("KOA BOXES", 1, "Boxes around the knees, AI, research use only")
MARGINS = GraphicLayer("KOA MARGINS", 2, "Margins of the bones at the joint space")
NARROWEST = GraphicLayer("KOA NARROWEST", 3, "Where the joint space is narrowest")
LABELS = GraphicLayer("KOA LABELS", 4, "Grades and widths, AI, research use only")
LAYERS = (BOXES, MARGINS, NARROWEST, LABELS)
_NOTICE = "AI, research use only, not for diagnostic use"

# The original's rescaling and window: viewers do not apply them if the state lacks them.
_DISPLAYED_BY = (
    "RescaleSlope", "RescaleIntercept", "RescaleType", "ModalityLUTSequence",
    "WindowCenter", "WindowWidth", "WindowCenterWidthExplanation", "VOILUTFunction", "VOILUTSequence",
)  # fmt: skip


def build(original: Original, result: ImageResult, _replaces: Replaced | None) -> Dataset:
    """The presentation state. It has no attribute that names the object that it replaces."""
    kind = ResultKind.PRESENTATION
    sop_uid = uids.of_image_object(kind, original.sop_uid, result)
    image = _image(original, result)
    document = GrayscaleSoftcopyPresentationState(
        referenced_images=[image],
        series_instance_uid=uids.of_series(kind, original.study_uid, result.graded_by.digest),
        series_number=base.series_number(kind),
        sop_instance_uid=sop_uid,
        instance_number=result.number,
        manufacturer=MANUFACTURER,
        manufacturer_model_name=MANUFACTURER,
        software_versions=result.graded_by.software,
        device_serial_number=result.graded_by.software,
        content_label="KOA KNEES",
        content_description=f"Knees: {_NOTICE}",
        graphic_layers=LAYERS,
        graphic_annotations=list(_annotations(image, result)),
    )
    target = base.new_object(kind, GrayscaleSoftcopyPresentationStateStorage, sop_uid, original)
    for element in document:
        if element.tag not in target:
            target.add(element)
    target.Laterality = ""  # of the series, which may contain both sides
    target.PresentationLUTShape = "INVERSE" if image.PhotometricInterpretation == "MONOCHROME1" else "IDENTITY"
    base.finish(target, kind, original, result.graded_by, number=result.number, made_at=result.made_at)
    target.PresentationCreationDate, target.PresentationCreationTime = target.ContentDate, target.ContentTime
    del target.ContentDate, target.ContentTime  # a presentation state does not have these
    return target


def can_be_built(original: Original) -> bool:
    """Whether the original is a gray image of one frame: only for these is a presentation state made."""
    header = original.header
    return header.get("PhotometricInterpretation") in {"MONOCHROME1", "MONOCHROME2"} and not (
        "NumberOfFrames" in header and int(header.NumberOfFrames or 1) > 1
    )


def _image(original: Original, result: ImageResult) -> Dataset:
    """A header for the library, without patient data, which our code copies unchanged from the original later."""
    said = base.image_header(original, result)
    said.Modality = str(original.header.get("Modality") or "OT")
    said.PhotometricInterpretation = str(original.header.PhotometricInterpretation)
    said.SamplesPerPixel = 1
    for keyword in _DISPLAYED_BY:
        if original.header.get(keyword) not in (None, ""):
            said[keyword] = original.header[keyword]
    return said


def _annotations(image: Dataset, result: ImageResult) -> Iterator[GraphicAnnotation]:
    size = (result.rows, result.columns)
    rois = [*(knee.roi for knee in result.knees), *(knee.roi for knee in result.refused)]
    boxes = [coordinates.outline(roi.box, *size) for roi in rois]
    clear = [part for knee in result.knees if knee.joint_space for part in knee.joint_space.compartments if part.clear]
    margins = [
        coordinates.margin(points, *size) for part in clear for points in (part.femoral, part.tibial) if len(points) > 1
    ]
    narrow = [coordinates.narrowest(part, result.spacing, *size) for part in clear]
    labels = [_label(knee.roi.box, size, _words(knee)) for knee in result.knees]
    labels += [_label(knee.roi.box, size, _refused(knee)) for knee in result.refused]
    labels += [_beside(line, words.width(part)) for part, line in zip(clear, narrow, strict=True)]
    for layer, lines in ((BOXES, boxes), (MARGINS, margins), (NARROWEST, narrow)):
        if lines:
            drawn = [GraphicObject("POLYLINE", line, "PIXEL") for line in lines]
            yield GraphicAnnotation([image], layer, graphic_objects=drawn)
    yield GraphicAnnotation([image], LABELS, text_objects=labels)


def _words(knee: KneeResult) -> str:
    grade = knee.grade
    flag = ", look at it" if knee.needs_review else ""
    return f"{_side(knee.roi.side)} KL {grade.kl}, {GRADE_WORDS[grade.kl]}{flag}. {_NOTICE}"


def _refused(knee: RefusedKnee) -> str:
    return f"{_side(knee.roi.side)} not graded: {codes.REFUSALS[knee.code].meaning}. {_NOTICE}"


def _side(side: Side) -> str:
    return side.letter or "Side unknown,"


def _label(box: Box, size: tuple[int, int], text: str) -> TextObject:
    """Along the upper edge of the box, within it."""
    (left, top), (right, bottom) = (coordinates.outline(box, *size)[corner] for corner in (0, 2))
    lower = top + (bottom - top) * 0.12
    return TextObject(text, "PIXEL", bounding_box=_four(left, top, right, lower), text_justification="LEFT")


def _beside(line: coordinates.Line, text: str) -> TextObject:
    column, row = line.mean(axis=0)
    plain = text.replace("\u00a0", " ")
    return TextObject(plain, "PIXEL", anchor_point=(float(column), float(row)), anchor_point_visible=False)


def _four(*numbers: np.float32) -> tuple[float, float, float, float]:
    left, top, right, bottom = map(float, numbers)
    return left, top, right, bottom
