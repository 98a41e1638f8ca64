"""The geometry of a frame: pixel spacing and its source, view, side."""

from __future__ import annotations

import re

from pydicom.dataset import Dataset

from koa_worker.read.header import elements
from koa_worker.values import Laterality, Side, Spacing, SpacingSource

_LARGEST_MM = 10.0  # no radiograph has coarser pixels; a larger number is in another unit
_FRONTAL = ("AP", "PA")
_LATERAL = ("LL", "RL", "LLD", "RLD", "LAT", "LATERAL", "ML", "LM")
_VIEW_TEXTS = (
    "SeriesDescription",
    "ProtocolName",
    "AcquisitionDeviceProcessingDescription",
    "PerformedProcedureStepDescription",
)
_VIEW_WORD = re.compile(r"(?<![A-Z])(A\.?P|P\.?A|LAT|LATERAL)(?![A-Z])")
# Words of protocols for a weight-bearing exposure; the last two are names of standing views in flexion.
_WEIGHT_BEARING = re.compile(
    r"(?<![A-Z])(WEIGHT[ -]?BEARING|STANDING|ERECT|WB|STEHEND|DEBOUT|EN CHARGE|ROSENBERG|SCHUSS)(?![A-Z])"
)
_LYING = re.compile(r"(?<![A-Z])(NON[ -]?WEIGHT[ -]?BEARING|NON[ -]?WB|NOT STANDING|SUPINE|RECUMBENT)(?![A-Z])")
_LATERALITY = {
    "R": Laterality.RIGHT,
    "RIGHT": Laterality.RIGHT,
    "L": Laterality.LEFT,
    "LEFT": Laterality.LEFT,
    "B": Laterality.BOTH,
    "BOTH": Laterality.BOTH,
}


def spacing(dataset: Dataset) -> Spacing | None:
    """Millimetres per pixel; "calibrated" only if PS3.3 10.7.1.1 allows this conclusion.

    Pixel Spacing that comes with a calibration type, or that differs from the detector's spacing, has been
    corrected for magnification. If both are equal, it has not. Alone, "it cannot be determined", so that it counts as
    the detector's: a length is never called more exact than the file says. Imager Pixel Spacing (0018,1164) and Nominal
    Scanned Pixel Spacing (0018,2010) are by definition uncorrected. An Estimated Radiographic Magnification Factor
    (0018,1114) describes the geometry but corrects nothing.
    """
    patient = _pair(dataset, "PixelSpacing")
    detector = _pair(dataset, "ImagerPixelSpacing") or _pair(dataset, "NominalScannedPixelSpacing")
    if patient is None and detector is None:
        return None
    calibrated = patient is not None and (
        elements.word(dataset, "PixelSpacingCalibrationType") in ("GEOMETRY", "FIDUCIAL")
        or (detector is not None and _differ(patient, detector))
    )
    row, column = patient or detector or (0.0, 0.0)
    return Spacing(row, column, SpacingSource.CALIBRATED if calibrated else SpacingSource.DETECTOR)


def _pair(dataset: Dataset, keyword: str) -> tuple[float, float] | None:
    found = elements.numbers(dataset, keyword)
    if len(found) != 2 or not all(0.0 < number <= _LARGEST_MM for number in found):
        return None
    return found[0], found[1]


def _differ(one: tuple[float, float], other: tuple[float, float]) -> bool:
    """Whether two spacings differ by more than rounding: decimal strings have four to eight digits."""
    return any(abs(a - b) > 1e-3 * b for a, b in zip(one, other, strict=True))


def view(dataset: Dataset) -> str:
    """`AP`, `PA`, `LATERAL`, another View Position as written, or empty.

    View Position (0018,5101) may be empty in CR objects (PS3.3 C.8.1.2); then the coded view, then the words of the
    protocol tell, if they name one view and no other.
    """
    position = elements.word(dataset, "ViewPosition")
    if position:
        return "LATERAL" if position in _LATERAL else position[:16]
    for item in elements.items(dataset, "ViewCodeSequence"):
        meaning = re.sub(r"[^a-z]", "", elements.text(item, "CodeMeaning").lower())
        for words, name in (("anteroposterior", "AP"), ("posteroanterior", "PA"), ("lateral", "LATERAL")):
            if words in meaning and "oblique" not in meaning:
                return name
    texts = " ".join(elements.word(dataset, keyword) for keyword in _VIEW_TEXTS)
    found = {match.replace(".", "") for match in _VIEW_WORD.findall(texts)}
    named = {"LATERAL" if name in _LATERAL else name for name in found}
    return named.pop() if len(named) == 1 else ""


def is_weight_bearing(dataset: Dataset) -> bool:
    """Whether the header says that the patient stood: by the view's modifiers, or in the words of study and protocol.

    A header that says both, or neither, says nothing.
    """
    modifiers = [
        elements.word(modifier, "CodeMeaning")
        for view_code in elements.items(dataset, "ViewCodeSequence")
        for modifier in elements.items(view_code, "ViewModifierCodeSequence")
    ]
    texts = " ".join([*modifiers, *(elements.word(dataset, name) for name in (*_VIEW_TEXTS, "StudyDescription"))])
    return bool(_WEIGHT_BEARING.search(texts)) and not _LYING.search(texts)


def laterality(dataset: Dataset) -> Laterality:
    """The side of the frame: Image Laterality (0020,0062), which describes the frame, else Laterality of the series."""
    for keyword in ("ImageLaterality", "Laterality"):
        found = _LATERALITY.get(elements.word(dataset, keyword))
        if found is not None:
            return found
    return Laterality.UNKNOWN


def named_knees(dataset: Dataset) -> tuple[Side, ...]:
    """The knees that Body Part Examined and the laterality name; a knee without a side is one of an unknown side."""
    if "KNEE" not in elements.word(dataset, "BodyPartExamined"):
        return ()
    match laterality(dataset):
        case Laterality.BOTH:
            return Side.RIGHT, Side.LEFT
        case Laterality.RIGHT:
            return (Side.RIGHT,)
        case Laterality.LEFT:
            return (Side.LEFT,)
        case _:
            return (Side.UNKNOWN,)


def side_at_column_zero(dataset: Dataset) -> str:
    """The patient's side at the first column of the image: `R`, `L` or empty.

    Patient Orientation (0020,0020) names the direction of the rows: towards `L`, the first column is the right side
    (PS3.3 C.7.6.1.1.1). If it is given, nothing else counts, even if it names neither side. Without it, a frontal view
    (AP or PA) is shown as if facing the patient, right side first. A frame whose view is unknown may be anything, so
    its sides stay unknown. Field Of View Horizontal Flip (0018,7034) tells how the detector's
    readout became the stored image, not how the image lies in the patient, so it changes nothing here.
    """
    rows_towards = elements.word(dataset, "PatientOrientation")[:1]
    if rows_towards:
        return {"L": "R", "R": "L"}.get(rows_towards, "")
    return "R" if view(dataset) in _FRONTAL else ""
