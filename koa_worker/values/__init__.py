"""The values that are passed from stage to stage: typed, frozen, with almost no behaviour.

    file → intake → Arrival → read → Radiograph → roi → KneeRoi* → grade → Grade → measure → JointSpace
         → explain → Heatmap → GradedKnee* → store → study → report → publish

No stage changes a value that it was given; it makes the next one.
"""

from koa_worker.values.file import Arrival, Completed, Failed, Outcome, Rejected, Ungraded, new_id
from koa_worker.values.grade import (
    GRADE_WORDS,
    GRADES,
    Grade,
    GradedBy,
    Heatmap,
    Probabilities,
    ReviewCode,
    ReviewReason,
)
from koa_worker.values.image import Fingerprint, GrayImage, Patient, Radiograph, Spacing, SpacingSource, Study
from koa_worker.values.joint_space import WIDTHS, Compartment, CompartmentName, JointSpace, Points
from koa_worker.values.knee import Box, GradedKnee, KneeRoi, RefusedKnee
from koa_worker.values.role import Role
from koa_worker.values.side import Laterality, Side

__all__ = [
    "GRADES",
    "GRADE_WORDS",
    "WIDTHS",
    "Arrival",
    "Box",
    "Compartment",
    "CompartmentName",
    "Completed",
    "Failed",
    "Fingerprint",
    "Grade",
    "GradedBy",
    "GradedKnee",
    "GrayImage",
    "Heatmap",
    "JointSpace",
    "KneeRoi",
    "Laterality",
    "Outcome",
    "Patient",
    "Points",
    "Probabilities",
    "Radiograph",
    "RefusedKnee",
    "Rejected",
    "ReviewCode",
    "ReviewReason",
    "Role",
    "Side",
    "Spacing",
    "SpacingSource",
    "Study",
    "Ungraded",
    "new_id",
]
