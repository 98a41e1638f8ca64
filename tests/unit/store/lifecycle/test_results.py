"""Results are read in the same form as they were stored: studies, conflicts, regrades, images."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import cv2
import numpy as np
import pytest
from sqlalchemy import select

from koa_worker.errors import UnknownRecord, WorkFailed
from koa_worker.store import State, Store
from koa_worker.store.database.engine import connect
from koa_worker.store.database.schema import TimingRow
from koa_worker.tables.export import to_rows
from koa_worker.values import (
    Box,
    Heatmap,
    KneeRoi,
    Laterality,
    Patient,
    RefusedKnee,
    ReviewCode,
    ReviewReason,
    Side,
    SpacingSource,
)

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
Take = Callable[..., tuple[str, str]]


def test_a_study_comes_back_as_it_went_in(store: Store, make: Any) -> None:
    arrival = make.arrival("a")
    store.files.add_arrival(arrival, NOW)
    store.files.start(arrival.id, "w")
    knees = (make.knee(3, side=Side.RIGHT), make.knee(1, side=Side.LEFT, x=600))
    key = store.files.complete(arrival.id, make.completed(arrival, *knees), "d1", "1.0", "done/x").study_key
    assert key is not None

    study = store.studies.content(key)
    assert (study.study_uid, study.accession, study.description) == ("1.2.3", "A-1", "Knees standing")
    assert study.patient == Patient("Ivanova Anna", "P-17", date(1950, 2, 1), "F")
    assert study.date == datetime(2026, 3, 1, 9, 30)
    assert "Ivanova" not in repr(study)
    (image,) = study.images
    assert (image.file_id, image.sha256, image.view, image.modality) == (arrival.id, arrival.sha256, "PA", "DX")
    assert (image.width, image.height, image.laterality) == (200, 240, Laterality.UNKNOWN)
    assert image.spacing is not None
    assert (image.spacing.row_mm, image.spacing.source) == (0.15, SpacingSource.DETECTOR)
    assert image.details == {"bits": "12"}
    assert (image.conflicts_with, image.patient_differs) == (None, False)
    for kept, knee in zip(image.knees, knees, strict=True):
        assert kept.roi == knee.roi
        assert kept.grade == knee.grade
        assert kept.joint_space == knee.joint_space
        np.testing.assert_array_equal(kept.crop, knee.crop)
        np.testing.assert_array_equal(kept.heatmap.values, knee.heatmap.values)
        assert (kept.model_digest, kept.software_version) == ("d1", "1.0")


def test_how_long_each_stage_took_is_kept(url: str, grade: Take) -> None:
    grade("a")
    database = connect(url)
    with database.connect() as connection:
        assert dict(connection.execute(select(TimingRow.stage, TimingRow.ms)).all()) == {"read": 12.5, "grade": 3.25}
    database.dispose()


def test_what_the_net_computes_in_single_precision_is_kept(store: Store, make: Any, grade: Take) -> None:
    knee = make.knee(4)
    single = replace(
        knee.grade,
        probabilities=tuple(np.array([0, 0, 0, 1e-8, 1.0000001], np.float32)),
        confidence=np.float32(0.75),
        review_reasons=(ReviewReason(ReviewCode.LOW_CONFIDENCE, np.float32(0.75), np.float64(0.8)),),
    )
    _, key = grade("a", replace(knee, grade=single, heatmap=Heatmap(np.ones((4, 5), np.float32), 4)))
    (knee,) = store.studies.content(key).images[0].knees
    assert knee.grade.confidence == 0.75
    assert knee.grade.review_reasons == (ReviewReason(ReviewCode.LOW_CONFIDENCE, 0.75, 0.8),)
    assert knee.heatmap.values.shape == (4, 5)


def test_a_number_that_is_none_is_not_kept(store: Store, make: Any) -> None:
    arrival = make.arrival("a")
    store.files.add_arrival(arrival, NOW)
    store.files.start(arrival.id, "w")
    knee = make.knee(4)
    broken = replace(knee, grade=replace(knee.grade, probabilities=(0.0, 0.0, 0.0, 0.0, float("nan"))))
    with pytest.raises(WorkFailed):
        store.files.complete(arrival.id, make.completed(arrival, broken), "d1", "1.0", "done/x")
    record = store.files.find(arrival.id)
    assert record is not None
    assert record.state is State.WORKING  # nothing of it was kept
    assert list(store.export.rows()) == []


def test_images_of_a_study_come_together_in_the_order_of_arrival(store: Store, grade: Take) -> None:
    first, key = grade("a")
    second, again = grade("b")
    _, elsewhere = grade("c", study_uid="9.9")
    assert key == again != elsewhere
    assert {image.file_id for image in store.studies.content(key).images} == {first, second}


def test_a_rejected_file_of_a_study_is_named_with_it(store: Store, make: Any, grade: Take) -> None:
    _, key = grade("a")
    arrival = make.arrival("b")
    store.files.add_arrival(arrival, NOW)
    store.files.start(arrival.id, "w")
    assert store.files.reject(arrival.id, make.rejected(arrival, study_uid="1.2.3"), "rejected/x").study_key == key
    (rejected,) = store.studies.content(key).rejected
    assert (rejected.file_id, rejected.code, rejected.detail) == (arrival.id, "no_knee", "2 profiles")


def test_the_same_uid_with_other_bytes_is_graded_and_flagged(store: Store, grade: Take) -> None:
    first, key = grade("a", sop_uid="1.2.3.1")
    second, _ = grade("b", sop_uid="1.2.3.1")
    images = {image.file_id: image for image in store.studies.content(key).images}
    assert images[first].conflicts_with is None
    assert images[second].conflicts_with == first
    assert len(images[first].knees) == len(images[second].knees) == 1
    assert [event.detail for event in store.files.events(second) if event.kind == "conflict"] == [first]


def test_a_file_that_names_another_patient_does_not_rename_the_study(store: Store, make: Any, grade: Take) -> None:
    _, key = grade("a")
    other, _ = grade("b", patient=Patient("Petrov Petr", "P-18"))
    study = store.studies.content(key)
    assert study.patient.name == "Ivanova Anna"
    assert {image.file_id: image.patient_differs for image in study.images}[other]
    (event,) = [event for event in store.files.events(other) if event.kind == "patient_differs"]
    assert event.detail == ""


def test_two_patients_are_never_mixed_into_one(store: Store, grade: Take) -> None:
    _, key = grade("a", patient=Patient("Ivanova Anna", "P-17"))
    grade("b", patient=Patient("Petrov Petr", "P-18", date(1960, 5, 5), "M"))
    assert store.studies.content(key).patient == Patient("Ivanova Anna", "P-17")


def test_what_the_first_file_left_out_is_taken_from_a_later_one(store: Store, grade: Take) -> None:
    _, key = grade("a", patient=Patient(id="P-17"))
    grade("b", patient=Patient("Ivanova Anna", "P-17", date(1950, 2, 1)))
    assert store.studies.content(key).patient == Patient("Ivanova Anna", "P-17", date(1950, 2, 1))


def test_a_regrade_keeps_the_former_grades(store: Store, make: Any, grade: Take) -> None:
    file_id, key = grade("a", make.knee(1))
    before = store.files.find(file_id)
    arrival = replace(make.arrival("a"), id=file_id)
    outcome = make.completed(arrival, make.knee(3, model="net-v2"), make.knee(0, x=700, model="net-v2"))
    assert store.files.complete(file_id, outcome, "d2", "1.1", "done/x").study_key == key

    knees = store.studies.content(key).images[0].knees
    assert [(knee.grade.kl, knee.grade.model, knee.model_digest) for knee in knees] == [
        (3, "net-v2", "d2"),
        (0, "net-v2", "d2"),
    ]
    assert [row.grade.kl for row in store.export.rows()] == [3, 0]
    exported = store.export.rows(superseded=True)
    every = [(row.position, row.grade.model, row.grade.kl, row.grading["is_current"]) for row in exported]
    assert every == [(0, "net-v1", 1, False), (0, "net-v2", 3, True), (1, "net-v2", 0, True)]
    after = store.files.find(file_id)
    assert before is not None
    assert after is not None
    assert (after.state, after.settled_at) == (State.COMPLETED, before.settled_at)
    assert store.files.events(file_id)[-1].kind == "regraded"


def test_the_same_result_again_is_kept_once(store: Store, make: Any, grade: Take) -> None:
    knee = make.knee(2)
    file_id, key = grade("a", knee)
    outcome = make.completed(replace(make.arrival("a"), id=file_id), knee)
    store.files.complete(file_id, outcome, "d1", "1.0", "done/x")
    assert len(list(store.export.rows(superseded=True))) == 1
    assert len(store.studies.content(key).images[0].knees) == 1


def test_a_former_model_can_come_back(store: Store, make: Any, grade: Take) -> None:
    file_id, _ = grade("a", make.knee(1))
    arrival = replace(make.arrival("a"), id=file_id)
    store.files.complete(file_id, make.completed(arrival, make.knee(3, model="net-v2")), "d2", "1.0", "x")
    store.files.complete(file_id, make.completed(arrival, make.knee(1)), "d1", "1.0", "x")
    assert [row.grade.model for row in store.export.rows()] == ["net-v1"]
    assert len(list(store.export.rows(superseded=True))) == 2


def test_the_frame_is_kept_small_and_bright_enough_to_see(store: Store, grade: Take) -> None:
    _, key = grade("a", shape=(1200, 1000))
    frame = cv2.imdecode(np.frombuffer(store.studies.content(key).images[0].frame_jpeg, np.uint8), cv2.IMREAD_UNCHANGED)
    assert frame is not None
    assert frame.shape == (900, 750)
    assert np.ptp(frame) > 200  # 12 bits, stretched to 8


@pytest.mark.parametrize("rubbish", ["Ivan\0ov", "Ivan\ud800ov", "Иванов 山田 🦴"])
def test_rubbish_in_names_is_no_reason_to_fail(store: Store, make: Any, grade: Take, rubbish: str) -> None:
    _, key = grade("a", patient=Patient(rubbish, rubbish), study_uid=rubbish)
    _, again = grade("b", patient=Patient(rubbish, rubbish), study_uid=rubbish)
    assert key == again
    study = store.studies.content(key)
    assert study.patient.name.startswith("Ив" if rubbish.startswith("И") else "Ivan")
    assert not any(image.patient_differs for image in study.images)


def test_a_study_that_is_not_known_is_said_to_be_unknown(store: Store) -> None:
    with pytest.raises(UnknownRecord, match="unheard of"):
        store.studies.content("unheard of")


def test_a_refused_knee_is_kept_beside_the_graded_one_and_exported(store: Store, make: Any) -> None:
    arrival = make.arrival("a")
    store.files.add_arrival(arrival, NOW)
    store.files.start(arrival.id, "w")
    refused = RefusedKnee(KneeRoi(Box(500, 20, 400, 400), Side.RIGHT), "implant", "metal")
    roi = replace(make.knee(2).roi, turned=2)
    outcome = replace(make.completed(arrival, replace(make.knee(2), roi=roi)), refused=(refused,))
    key = store.files.complete(arrival.id, outcome, "d1", "1.0", "done/a").study_key
    (image,) = store.studies.content(key).images
    assert (image.refused, image.knees[0].roi) == ((refused,), roi)
    graded, row = to_rows(store.export.rows())
    assert (graded["refused"], graded["turned"]) == (None, 2)
    assert (row["refused"], row["kl"], row["side"], row["box_x"], row["study_key"]) == (
        "implant",
        None,
        "right",
        500,
        key,
    )
    assert list(row) == list(graded)

    store.files.complete(arrival.id, replace(outcome, refused=()), "d2", "1.0", "done/a")
    assert store.studies.content(key).images[0].refused == ()


def test_the_knees_of_a_rejected_file_are_kept_and_exported(store: Store, make: Any) -> None:
    knees = (
        RefusedKnee(KneeRoi(Box(20, 20, 400, 400), Side.RIGHT), "implant", "metal"),
        RefusedKnee(KneeRoi(Box(500, 20, 400, 400), Side.LEFT), "knee_not_found"),
    )
    for content, study_uid in (("a", "1.2.3"), ("b", None)):  # a plain picture names no study
        arrival = make.arrival(content)
        store.files.add_arrival(arrival, NOW)
        store.files.start(arrival.id, "w")
        rejected = replace(make.rejected(arrival, study_uid=study_uid), code="implant", refused=knees)
        settled = store.files.reject(arrival.id, rejected, f"rejected/{content}")
        assert store.files.reject(arrival.id, rejected, f"rejected/{content}") == settled  # after a crash
        if settled.study_key is not None:
            (record,) = store.studies.content(settled.study_key).rejected
            assert record.refused == knees
    rows = list(to_rows(store.export.rows()))
    assert [(row["knee"], row["side"], row["refused"], row["legs"]) for row in rows] == [
        (0, "right", "implant", 2),
        (1, "left", "knee_not_found", 2),
    ] * 2
    assert {row["study_uid"] for row in rows} == {"1.2.3", None}


def test_the_export_counts_the_knees_that_were_seen(store: Store, make: Any) -> None:
    arrival = make.arrival("a")
    store.files.add_arrival(arrival, NOW)
    store.files.start(arrival.id, "w")
    both = make.knee(2), make.knee(3, side=Side.RIGHT, x=600)
    refused = (RefusedKnee(KneeRoi(Box(900, 20, 40, 40), Side.UNKNOWN), "implant"),)
    store.files.complete(arrival.id, replace(make.completed(arrival, *both), refused=refused), "d1", "1.0", "done/a")
    assert [row["legs"] for row in to_rows(store.export.rows())] == [3, 3, 3]
    store.files.complete(arrival.id, make.completed(arrival, make.knee(2)), "d2", "1.0", "done/a")
    assert [row["legs"] for row in to_rows(store.export.rows())] == [1]
    assert {row["legs"] for row in to_rows(store.export.rows(superseded=True))} == {1}
