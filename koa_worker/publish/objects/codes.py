"""The codes of the structured report: standard codes where they exist, and our own scheme for the rest.

No standard scheme has codes for the Kellgren–Lawrence grade, its probabilities or the joint space width of the knee.
docs/dicom-conformance.md lists all codes, and a test compares it with this module.
"""

from __future__ import annotations

from pydicom.sr.coding import Code

from koa_worker.values import GRADE_WORDS, GRADES, CompartmentName, Side, SpacingSource

SCHEME = "99KOAWORKER"
SCHEME_NAME = "koa-worker, knee osteoarthritis grading"

KNEE_JOINT = Code("49076000", "SCT", "Knee joint")
SIDES = {Side.LEFT: Code("7771000", "SCT", "Left"), Side.RIGHT: Code("24028007", "SCT", "Right")}
YES, NO = Code("373066001", "SCT", "Yes"), Code("373067005", "SCT", "No")
RADIOGRAPHY = Code("168537006", "SCT", "Plain radiography")
ARTIFICIAL_INTELLIGENCE = Code("123110", "DCM", "Artificial Intelligence")
PROCESSING_EQUIPMENT = Code("109102", "DCM", "Processing Equipment")
# PS3.16 CID 7010. Of IHE's four rejection notes, this is the one that hides an object and keeps it: "Rejected for
# Patient Safety Reasons" (113037) and "Incorrect Modality Worklist Entry" (113038) claim a fault that nobody found, and
# "Data Retention Policy Expired" (113039) lets the PACS delete what a reader may have relied on.
REJECTED = Code("113001", "DCM", "Rejected for Quality Reasons")
# What osteoarthritis of the knee is called by others. No public scheme has the five grades; the severity of SNOMED CT
# says the three that count as osteoarthritis, and the grade in our own code stands beside it.
KNEE_OSTEOARTHRITIS = Code("239873007", "SCT", "Osteoarthritis of knee")
SEVERITY = Code("246112005", "SCT", "Severity")
SEVERITIES = {
    2: Code("255604002", "SCT", "Mild"),
    3: Code("6736007", "SCT", "Moderate"),
    4: Code("24484000", "SCT", "Severe"),
}
HALVES = {
    CompartmentName.MEDIAL: Code("255561001", "SCT", "Medial"),
    CompartmentName.LATERAL: Code("49370004", "SCT", "Lateral"),
}
VISUAL_EXPLANATION = Code("130401", "DCM", "Visual explanation")
CLASS_ACTIVATION = Code("130403", "DCM", "Gradient-weighted class activation")  # CID 217
METHOD = Code("370129005", "SCT", "Measurement Method")
SOURCE = Code("121112", "DCM", "Source of Measurement")  # CID 7551
PERCENT = Code("%", "UCUM", "percent")
DAY = Code("d", "UCUM", "day")
BASELINE = Code("121079", "DCM", "Baseline")  # CID 280; the first exam of the knee that is known here
MILLIMETRE = Code("mm", "UCUM", "millimeter")

GRADE = Code("KL", SCHEME, "Kellgren-Lawrence grade")
# OHIF 3.12 writes a number with the code of its unit, and leaves a zero out. With the usual "1" as unit it showed
# "Kellgren-Lawrence grade: 1" for KL 0. UCUM takes words in braces, without a space, for a unit of one.
GRADE_UNITS = {kl: Code(f"{{KL{kl}}}", "UCUM", f"KL {kl}") for kl in GRADES}
STEPS = Code("{grades}", "UCUM", "grades")
GRADE_VALUES = {kl: Code(f"KL{kl}", SCHEME, f"Kellgren-Lawrence grade {kl}, {GRADE_WORDS[kl]}") for kl in GRADES}
PROBABILITIES = {kl: Code(f"PKL{kl}", SCHEME, f"Probability of Kellgren-Lawrence grade {kl}") for kl in GRADES}
OA_PROBABILITY = Code("POA", SCHEME, "Probability of Kellgren-Lawrence grade 2 or more")
AGREEMENT = Code("AGREE", SCHEME, "Share of networks and views that agree on the grade")
NOT_GRADED = Code("KLNONE", SCHEME, "Kellgren-Lawrence grade not given")
REFUSAL = Code("WHYNONE", SCHEME, "Why no Kellgren-Lawrence grade is given")
REFUSALS = {
    "implant": Code("IMPLANT", SCHEME, "Implant or other metal over the joint"),
    "other_view": Code("OTHERVIEW", SCHEME, "Not a frontal view"),
    "not_a_knee": Code("NOKNEE", SCHEME, "Does not look like a frontal knee"),
    "knee_not_found": Code("NOTFOUND", SCHEME, "No knee joint found in this leg"),
    "cut_off": Code("CUTOFF", SCHEME, "Joint cut off by the edge of the picture"),
    "poor_exposure": Code("EXPOSURE", SCHEME, "Joint exposed too badly"),
    "blurred": Code("BLURRED", SCHEME, "Joint too blurred"),
    "no_knee": Code("NOJOINT", SCHEME, "No knee joint found in the image"),
    "blank": Code("BLANK", SCHEME, "Image blank or almost blank"),
    "too_small": Code("TOOSMALL", SCHEME, "Too few pixels for a grade"),
}
UNUSABLE = Code("UNUSABLE", SCHEME, "Image cannot be read or is of a kind that cannot be graded")
REVIEW = Code("REVIEW", SCHEME, "Grade should be reviewed by a reader")
WIDTHS = {
    CompartmentName.MEDIAL: Code("JSWM", SCHEME, "Minimum joint space width, medial compartment"),
    CompartmentName.LATERAL: Code("JSWL", SCHEME, "Minimum joint space width, lateral compartment"),
}
STUDY_GRADE = Code("KLSTUDY", SCHEME, "Kellgren-Lawrence grade that stands for this knee")
OTHER_GRADE = Code("KLOTHER", SCHEME, "Kellgren-Lawrence grade in another image of the study")
GRADE_CHANGE = Code("KLCHANGE", SCHEME, "Change of the Kellgren-Lawrence grade since earlier exam")
WIDTH_CHANGES = {
    CompartmentName.MEDIAL: Code("JSWMCHANGE", SCHEME, "Change of minimum joint space width, medial compartment"),
    CompartmentName.LATERAL: Code("JSWLCHANGE", SCHEME, "Change of minimum joint space width, lateral compartment"),
}
REPEATABLE = Code("JSWLIMIT", SCHEME, "Least change of a width beyond repeatability")
PLANE = Code("PLANE", SCHEME, "Plane in which lengths are measured")
PLANES = {
    SpacingSource.CALIBRATED: Code("CALIB", SCHEME, "Patient, corrected for magnification"),
    SpacingSource.DETECTOR: Code("DETECT", SCHEME, "Detector, magnification unknown"),
}


def private() -> tuple[Code, ...]:
    """All codes of our own scheme."""
    single = (GRADE, OA_PROBABILITY, AGREEMENT, REVIEW, NOT_GRADED, REFUSAL, PLANE, UNUSABLE)
    together = (STUDY_GRADE, OTHER_GRADE, GRADE_CHANGE, REPEATABLE)
    several = (REFUSALS, GRADE_VALUES, PROBABILITIES, WIDTHS, WIDTH_CHANGES, PLANES)
    return (*single, *together, *(code for codes in several for code in codes.values()))
