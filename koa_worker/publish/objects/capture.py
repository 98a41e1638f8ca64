"""The image of the results as Secondary Capture Image Storage (PS3.3 A.8.1), in colour."""

from __future__ import annotations

import cv2
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.uid import JPEGBaseline8Bit, SecondaryCaptureImageStorage

from koa_worker.publish.objects import base, uids
from koa_worker.publish.objects.original import Original
from koa_worker.publish.objects.picture import Canvas, draw
from koa_worker.publish.objects.result import ImageResult, Replaced, ResultKind
from koa_worker.system.own_mark import stamp
from koa_worker.values import Side

_QUALITY = 92


def build(original: Original, result: ImageResult, _replaces: Replaced | None) -> Dataset:
    """The capture. An image has no attribute that names the object that it replaces."""
    kind = ResultKind.SECONDARY_CAPTURE
    sop_uid = uids.of_image_object(kind, original.sop_uid, result)
    target = base.new_object(kind, SecondaryCaptureImageStorage, sop_uid, original)
    picture = stamp(draw(result))
    target.ConversionType = "WSD"
    target.ImageType = ["DERIVED", "SECONDARY", "OTHER"]
    target.DerivationDescription = (
        "Knees boxed and graded by artificial intelligence, with heatmaps. Research use only."
    )
    target.SourceImageSequence = [base.reference(original)]
    target.PatientOrientation = ""
    target.BodyPartExamined = "KNEE"
    _say_side(target, {knee.roi.side for knee in result.knees})
    # Our words contain no patient data. Only the header can say whether the radiograph itself does (C.7.6.1).
    target.BurnedInAnnotation = "YES" if original.burnt_in else "NO"
    target.LossyImageCompression = "01"  # the frame was stored as JPEG before it was drawn here
    encoded = _jpeg(picture)
    target.LossyImageCompressionRatio = [_ratio(result), f"{picture.nbytes / len(encoded):.1f}"]
    target.LossyImageCompressionMethod = ["ISO_10918_1", "ISO_10918_1"]
    target.SamplesPerPixel, target.PhotometricInterpretation, target.PlanarConfiguration = 3, "YBR_FULL_422", 0
    target.Rows, target.Columns = picture.shape[:2]
    target.BitsAllocated, target.BitsStored, target.HighBit, target.PixelRepresentation = 8, 8, 7, 0
    target.PixelData = encapsulate([encoded])
    target["PixelData"].VR = "OB"
    target["PixelData"].is_undefined_length = True
    base.finish(target, kind, original, result.graded_by, number=result.number, made_at=result.made_at)
    target.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
    return target


def _jpeg(picture: Canvas) -> bytes:
    """JPEG baseline with half the colour across, which is what YBR_FULL_422 means (PS3.5 8.2.1)."""
    options = [
        cv2.IMWRITE_JPEG_QUALITY,
        _QUALITY,
        cv2.IMWRITE_JPEG_SAMPLING_FACTOR,
        cv2.IMWRITE_JPEG_SAMPLING_FACTOR_422,
    ]
    encoded = cv2.imencode(".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), options)[1].tobytes()
    return encoded + b"\0" * (len(encoded) % 2)


def _say_side(target: Dataset, sides: set[Side]) -> None:
    """Sets the side of the image, not of the series, which may contain both sides (PS3.3 C.7.6.1, C.7.3.1)."""
    if Side.UNKNOWN in sides or not sides:
        target.Laterality = ""
    else:
        target.ImageLaterality = "B" if len(sides) > 1 else sides.pop().letter


def _ratio(result: ImageResult) -> str:
    """The compression ratio of the stored JPEG: pixels of the original over bytes of the JPEG."""
    return f"{max(1.0, result.rows * result.columns / len(result.frame_jpeg)):.1f}"
