"""The JSON line: its names and types are what others parse."""

from dataclasses import replace
from pathlib import Path

from koa_worker.commands.json_line import to_line
from koa_worker.values import (
    Arrival,
    Box,
    Completed,
    Failed,
    KneeRoi,
    RefusedKnee,
    Rejected,
    ReviewCode,
    ReviewReason,
    Side,
    Study,
)
from tests import make

ARRIVAL = Arrival(Path("x"), "ab" * 32, 3, "x")
LOW = ReviewReason(ReviewCode.LOW_CONFIDENCE, 0.6, 0.7)


def completed() -> Completed:
    knee = make.knee(make.grade(2, reasons=(LOW,)), KneeRoi(Box(1, 2, 3, 3), Side.LEFT))
    return make.completed(ARRIVAL, knee, study=Study("1.2", "1.3", view="PA"))


def test_a_graded_file() -> None:
    assert to_line(completed(), Path("in/x.dcm"), "net-v1", Path("out/r.pdf")) == {
        "path": "in/x.dcm",
        "sha256": "ab" * 32,
        "outcome": "completed",
        "code": None,
        "detail": None,
        "study": {"study_uid": "1.2", "sop_uid": "1.3", "view": "PA"},
        "model": "net-v1",
        "report": "out/r.pdf",
        "legs": 1,
        "knees": [
            {
                "position": 0,
                "side": "left",
                "box": [1, 2, 3, 3],
                "whole_frame": False,
                "turned": 0,
                "kl": 2,
                "probabilities": [0.1, 0.1, 0.6, 0.1, 0.1],
                "confidence": 0.6,
                "oa_probability": 0.8,
                "agreement": 1.0,
                "strangeness": None,
                "needs_review": True,
                "review_reasons": ["The confidence, 60%, is below 70%."],
                "review_codes": ["low_confidence"],
                "joint_space": None,
                "release_probabilities": [0.1, 0.1, 0.6, 0.1, 0.1],
                "site": None,
            }
        ],
        "refused": [],
        "notice": "Research use only. Not for diagnostic use.",
    }


def test_a_refused_knee_beside_a_graded_one() -> None:
    knee = RefusedKnee(KneeRoi(Box(9, 2, 3, 3), Side.RIGHT), "implant", "metal")
    line = to_line(replace(completed(), refused=(knee,)), Path("x"), "m", None)
    assert len(line["knees"]) == 1
    assert line["refused"] == [{"side": "right", "box": [9, 2, 3, 3], "code": "implant", "detail": "metal"}]


def test_a_rejected_frame_names_each_knee_that_was_seen() -> None:
    knees = tuple(RefusedKnee(KneeRoi(Box(x, 2, 3, 3), Side.UNKNOWN), "implant") for x in (1, 9))
    line = to_line(Rejected(ARRIVAL, "implant", "", refused=knees), Path("x"), "m", None)
    assert line["legs"] == 2
    assert [knee["box"] for knee in line["refused"]] == [[1, 2, 3, 3], [9, 2, 3, 3]]


def test_a_rejected_and_a_failed_file_have_the_same_names() -> None:
    names = set(to_line(completed(), Path("x"), "m", None))
    rejected = to_line(Rejected(ARRIVAL, "no_knee", "why", Study("1", "2")), Path("x"), "m", None)
    failed = to_line(Failed(ARRIVAL, "io", ""), Path("x"), "m", None)
    assert (rejected["legs"], rejected["refused"]) == (None, [])
    assert set(rejected) == set(failed) == names
    assert (rejected["outcome"], rejected["code"], rejected["detail"], rejected["knees"]) == (
        "rejected",
        "no_knee",
        "why",
        [],
    )
    assert rejected["study"] == {"study_uid": "1", "sop_uid": "2", "view": None}
    assert (failed["outcome"], failed["study"]) == ("failed", None)
