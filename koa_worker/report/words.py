"""All words that a report prints, in one place, so that they can be read together and translated."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

from koa_worker import RESEARCH_NOTICE
from koa_worker.errors import CATALOGUE
from koa_worker.values import (
    GRADE_WORDS,
    Compartment,
    CompartmentName,
    Grade,
    GradedBy,
    JointSpace,
    Patient,
    ReviewCode,
    ReviewReason,
    Side,
    Spacing,
    SpacingSource,
)

TITLE = "Knee osteoarthritis report"
SUBTITLE = "Kellgren–Lawrence grades, computed from radiographs"
NOTICE = RESEARCH_NOTICE
AUTHOR = "koa-worker"
KEYWORDS = "knee, osteoarthritis, Kellgren-Lawrence"

NOT_STATED = "not stated"
PLAIN_PICTURE = "Not a DICOM file: it names no patient and no study."
NO_KNEE_GRADED = "No knee was graded."

PATIENT, PATIENT_ID, BORN, SEX = "Patient", "Patient ID", "Born", "Sex"
STUDY_DATE, ACCESSION, DESCRIPTION, VIEWS = "Study date", "Accession number", "Description", "View"
FORMAT, STUDY_UID = "Format", "Study identifier"
SIDE_COLUMN, GRADE_COLUMN, CONFIDENCE_COLUMN = "Side", "Kellgren–Lawrence grade", "Confidence"
OA_COLUMN, REVIEW_COLUMN = "OA (KL 2–4)", "Review"
EXPLANATION = (
    (
        "Confidence: the probability of the stated grade. "
        "OA (KL 2–4): the probability of definite radiographic osteoarthritis, grades 2, 3 and 4 together."
    ),
    (
        "Heatmap: warmer parts of the image counted more for the grade. "
        "It is coarse: it shows where the model looked, not what it found there."
    ),
)
CROP_CAPTION = "As graded, contrast equalised"
MEASURED_CAPTION = "As graded, with joint margins"
OVERLAY_CAPTION = "Heatmap of this grade"
REVIEW = "Review"
NO_REVIEW = "No flag"
NOT_GRADED = "Not graded"

GRADE_MEANINGS = {
    0: "No osteophytes; normal joint space width.",
    1: "Doubtful narrowing; possible lipping.",
    2: "Definite osteophytes; possible narrowing.",
    3: "Multiple osteophytes, definite narrowing, some sclerosis; possible deformity of the bone ends.",
    4: "Large osteophytes, marked narrowing, severe sclerosis; definite deformity of the bone ends.",
}

SIDES = {Side.RIGHT: "Right", Side.LEFT: "Left", Side.UNKNOWN: "Unknown"}
COMPARTMENTS = {
    CompartmentName.MEDIAL: "medial",
    CompartmentName.LATERAL: "lateral",
    CompartmentName.PICTURE_LEFT: "left side of the image",
    CompartmentName.PICTURE_RIGHT: "right side of the image",
}
PLANES = {
    SpacingSource.CALIBRATED: "calibrated",
    SpacingSource.DETECTOR: "detector plane, magnification unknown",
}
SEXES = {"M": "male", "F": "female", "O": "other"}


_REVIEW_SENTENCES = {
    ReviewCode.OTHER_KNEE_NOT_FOUND: "The other knee was not found in the image.",
    ReviewCode.MINOR: "The patient is under {limit:.0f} years old; the model was trained on adults only.",
    ReviewCode.POSSIBLE_METAL: "A bright, even object with a sharp edge lies over the joint; it may be metal.",
    ReviewCode.LIKE_IMPLANT: "The image resembles a knee with an implant, but no metal was found.",
    ReviewCode.NOT_CHECKED: "This model release cannot tell a knee from other images; check that it is a knee.",
    ReviewCode.UNUSUAL: "The image differs from the knees that the model was trained on.",
    ReviewCode.CUT_OFF: "The edge of the image cuts off {value:.0%} of the joint's width.",
    ReviewCode.TURNED: "The image was rotated by {value:.0f}° anticlockwise to be upright.",
    ReviewCode.LOW_CONFIDENCE: "The confidence, {value:.0%}, is below {limit:.0%}.",
    ReviewCode.LOW_AGREEMENT: "Only {value:.0f} of {limit:.0f} model predictions agree with this grade.",
    ReviewCode.DISAGREEMENT: "Model predictions differ by two grades or more (KL {value:.0f} to KL {limit:.0f}).",
    ReviewCode.BORDERLINE: "Borderline between KL 1 and KL 2: the probability of KL 2 or more is {value:.0%}.",
    ReviewCode.IMAGES_DISAGREE: "Images of this knee in the study disagree (KL {value:.0f} to KL {limit:.0f}).",
    ReviewCode.OTHER: "{text}",
}


def review_reason(reason: ReviewReason) -> str:
    """A reason to look at a knee, as a sentence."""
    return _REVIEW_SENTENCES[reason.code].format(value=reason.value, limit=reason.limit, text=reason.text)


_REVIEW_SHORT = {
    ReviewCode.OTHER_KNEE_NOT_FOUND: "other knee not found",
    ReviewCode.MINOR: "under 18 years",
    ReviewCode.POSSIBLE_METAL: "may hold metal",
    ReviewCode.LIKE_IMPLANT: "looks like an implant",
    ReviewCode.NOT_CHECKED: "may be no knee",
    ReviewCode.UNUSUAL: "unlike the training knees",
    ReviewCode.CUT_OFF: "cut off by the edge",
    ReviewCode.TURNED: "image was turned",
    ReviewCode.LOW_CONFIDENCE: "low confidence",
    ReviewCode.LOW_AGREEMENT: "low agreement",
    ReviewCode.DISAGREEMENT: "grades far apart",
    ReviewCode.BORDERLINE: "borderline KL 1 to 2",
    ReviewCode.IMAGES_DISAGREE: "images disagree",
    ReviewCode.OTHER: "see the report",
}


def review_in_short(reason: ReviewReason) -> str:
    """The same reason where there is space for a few words only."""
    return _REVIEW_SHORT[reason.code]


def reviews_in_short(reasons: Sequence[ReviewReason], shown: int) -> str:
    """The first reasons in a few words, and how many there are beside them."""
    more = f" and {len(reasons) - shown} more" if shown < len(reasons) else ""
    return f"{REVIEW}: {', '.join(map(review_in_short, reasons[:shown]))}{more}"


def grade_word(kl: int) -> str:
    return GRADE_WORDS[kl]


def knee_title(side: Side) -> str:
    return "Knee, side unknown" if side is Side.UNKNOWN else f"{SIDES[side]} knee"


def percent(share: float) -> str:
    """Never 0 % and never 100 %: no model is that certain."""
    if share < 0.005:
        return "<1\u00a0%"
    if share >= 0.995:
        return ">99\u00a0%"
    return f"{share * 100:.0f}\u00a0%"


def day(when: date | None) -> str:
    return when.strftime("%Y-%m-%d") if when else ""


def moment(when: datetime | None) -> str:
    """Day and minute. Midnight means that the study gives no time of day, so it is left out."""
    if when is None:
        return ""
    zone = f" {when:%Z}" if when.tzinfo else ""
    return f"{when:%Y-%m-%d %H:%M}{zone}" if (when.hour, when.minute) != (0, 0) else f"{when:%Y-%m-%d}"


def born(patient: Patient, on: datetime | None) -> str:
    """The birth date, with the age on the day of the study if both dates are known and plausible."""
    birth = patient.birth_date
    if birth is None:
        return ""
    years = on.year - birth.year - ((on.month, on.day) < (birth.month, birth.day)) if on else -1
    return f"{day(birth)} ({years} y)" if 0 <= years <= 130 else day(birth)


def sex(patient: Patient) -> str:
    return SEXES.get(patient.sex.upper(), patient.sex)


def pixel_size(spacing: Spacing | None) -> str:
    """The pixel size and the plane in which it is valid; empty if the file gives none."""
    if spacing is None or spacing.source is SpacingSource.NONE:
        return ""
    where = "calibrated" if spacing.source is SpacingSource.CALIBRATED else "in the detector plane"
    across = f"{spacing.column_mm:.3f}"
    down = f"{spacing.row_mm:.3f}"
    return f"{across if across == down else f'{down} × {across}'} mm per pixel, {where}"


def reading(kl: int, space: JointSpace | None) -> str:
    """The findings of one knee as a plain sentence; empty if there is nothing to add to the grade."""
    if space is None:
        return ""
    measured = any(part.clear for part in space.compartments)
    what = "minimum joint space width:" if measured else "joint space"
    return f"KL {kl}, {grade_word(kl)}; {what} {joint_space(space)}."


_ORDER = tuple(CompartmentName)


def joint_space(space: JointSpace) -> str:
    """The minimum width of both compartments, and the plane of the millimetres."""
    if not any(part.clear for part in space.compartments):
        return "not measured, because its margins are not clear"
    found = sorted(space.compartments, key=lambda part: _ORDER.index(part.name))
    where = f" ({plane(space)})" if plane(space) else ""
    return ", ".join(f"{COMPARTMENTS[part.name]} {width(part)}" for part in found) + where


def width(part: Compartment) -> str:
    """The minimum width of one compartment."""
    if part.min_mm is not None:
        return f"{part.min_mm:.1f}\u00a0mm"
    if part.min_ratio is not None:
        return f"{part.min_ratio * 100:.1f}\u00a0% of the tibial width"
    return "not measured (margins unclear)"


def plane(space: JointSpace) -> str:
    """The plane in which the millimetres were measured; empty if there are none."""
    in_mm = any(part.min_mm is not None for part in space.compartments)
    return PLANES.get(space.calibration, "") if in_mm else ""


def image_title(number: int, total: int, view: str) -> str:
    return f"Image {number} of {total}" + (f" · {view}" if view else "")


def image_reference(number: int, view: str) -> str:
    return f"Image {number}" + (f" · {view}" if view else "")


def file_label(file_id: str) -> str:
    return f"file {file_id[:8]}"


def not_graded(count: int) -> str:
    return f"{count} image{'s' if count > 1 else ''} of this study could not be graded: see “{NOT_GRADED}” below."


def refused_knee(number: int, side: Side) -> str:
    return f"image {number}, {knee_title(side)[0].lower()}{knee_title(side)[1:]}"


def knee_not_graded(number: int, side: Side, code: str) -> str:
    """The line with its reason, because the reason, such as an implant, is often the finding itself."""
    where = refused_knee(number, side)
    return f"{where[0].upper()}{where[1:]}: not graded. {CATALOGUE[code].sentence}"


def patient_differs(number: int) -> str:
    return f"Image {number} names a different patient than its study. Check the patient's identity."


def identity_taken(number: int) -> str:
    return f"Image {number} has the same SOP Instance UID as an earlier image but different content."


def remedy(text: str) -> str:
    return f"What to do: {text}"


def page_of(page: int, pages: int) -> str:
    return f"Page {page} of {pages}"


def model_line(by: GradedBy) -> str:
    site = f" · site scale {by.site[:12]}" if by.site else ""
    return f"Model {by.model} · manifest SHA-256 {by.digest[:12]}{site} · koa-worker {by.software}"


def on_site_scale(grade: Grade) -> str:
    """What a reader must know of a grade on the site's own scale; nothing of one on the release's."""
    if not grade.site:
        return ""
    shares = ", ".join(percent(share) for share in grade.by_release)
    return f"On this site's own scale ({grade.site[:12]}). The model itself says KL {grade.release_kl} ({shares})."


def report_line(report_id: str, revision: int, made_at: datetime) -> str:
    return f"Report {report_id[:12]} · revision {revision} · made {made_at:%Y-%m-%d %H:%M %Z}".rstrip()


def document_title(report_id: str) -> str:
    """The title of the PDF. It never names the patient: viewers show it in window titles and recent files."""
    return f"{TITLE} {report_id[:12]}"
