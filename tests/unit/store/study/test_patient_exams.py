"""The earlier exams of a patient: found by issuer, id and birth date, and never of anybody else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime
from typing import Any

import pytest
from sqlalchemy import select

from koa_worker.store import Store, encode
from koa_worker.store.database.schema import StudyRow
from koa_worker.store.page.worklist_values import Wanted
from koa_worker.store.records.belongings import ErasureReason, Whose
from koa_worker.values import Patient, ReviewCode, Side
from tests.unit.store.conftest import NOW

ANNA = Patient("Ivanova Anna", "P-17", date(1950, 2, 1), "F", issuer="Hospital")


@pytest.fixture
def exam(store: Store, make: Any) -> Callable[..., Any]:
    """Keeps one graded image of a study of a day; gives the study's key."""

    def keep(
        day: int, kl: int = 2, patient: Patient = ANNA, *, side: Side = Side.LEFT, uid: str = "", name: str = ""
    ) -> Any:
        arrival = make.arrival(f"{day} {kl} {patient} {uid} {name}")
        outcome = make.graded(arrival, make.knee(kl, side=side), study_uid=uid or f"1.2.{day}", patient=patient)
        study = replace(outcome.radiograph.study, date=datetime(2020, 1, 1 + day, 9, 30))
        outcome = replace(outcome, radiograph=replace(outcome.radiograph, study=study))
        store.files.add_arrival(arrival, NOW)
        store.files.start(arrival.id, "w")
        return store.files.complete(arrival.id, encode(outcome), "d1", "1.0", "done/x")

    return keep


def grades_before(store: Store, key: str) -> list[int]:
    return [exam.knees[0].stands.grade.kl for exam in store.studies.content(key).exams.earlier]


def test_earlier_exams_are_found_newest_first(store: Store, exam: Any) -> None:
    exam(3, 1)
    exam(1, 0)
    key = exam(9, 3).study_key
    exam(12, 4)
    study = store.studies.content(key)
    assert grades_before(store, key) == [1, 0]
    assert (study.exams.newest, study.exams.not_taken) == (date(2020, 1, 13), False)
    (course,) = study.courses
    assert (course.grade_change, course.days, len(course.points)) == (2, 6, 3)


def test_exams_of_one_day_are_one(store: Store, exam: Any) -> None:
    exam(3, 1, uid="1.5")
    key = exam(3, 3, uid="1.6").study_key
    assert store.studies.content(key).exams.earlier == ()


@pytest.mark.parametrize(
    ("other", "not_taken"),
    [
        (replace(ANNA, birth_date=date(1950, 2, 2)), True),
        (replace(ANNA, birth_date=date(1949, 2, 1)), True),
        (replace(ANNA, birth_date=None), True),
        (replace(ANNA, sex="M"), True),
        (replace(ANNA, issuer="Other hospital"), False),
        (replace(ANNA, id="P-18"), False),
        (replace(ANNA, id="P-1"), False),
    ],
)
def test_another_patient_is_never_taken(store: Store, exam: Any, other: Patient, not_taken: bool) -> None:
    exam(1, 0, other)
    key = exam(9).study_key
    exams = store.studies.content(key).exams
    assert (exams.earlier, exams.not_taken) == ((), not_taken)


@pytest.mark.parametrize("number", ["", " ", "ANON", "0"])
def test_an_id_that_confirms_nobody_matches_nobody(store: Store, exam: Any, number: str) -> None:
    nobody = Patient("", number, None, "")
    exam(1, 0, nobody)
    key = exam(9, 3, nobody).study_key
    exams = store.studies.content(key).exams
    assert exams.earlier == ()
    assert exams.not_taken is bool(number.strip())


def test_a_sex_that_is_not_stated_contradicts_nothing(store: Store, exam: Any) -> None:
    exam(1, 0, replace(ANNA, sex=""))
    assert grades_before(store, exam(9).study_key) == [0]


def test_an_earlier_exam_that_comes_later_renews_the_next_report_only(store: Store, exam: Any) -> None:
    keys = [exam(day).study_key for day in (5, 9, 12)]
    for key in keys:
        revision = store.reports.begin(key) or 1
        store.reports.record(key, revision, "x.pdf", "aa", at=NOW)
    assert store.reports.due() == ()
    exam(7, 1)
    assert keys[1] in store.reports.due()
    assert not {keys[0], keys[2]} & set(store.reports.due())
    assert grades_before(store, keys[1])[0] == 1


def test_a_later_study_without_a_report_needs_no_renewal(store: Store, exam: Any) -> None:
    later = exam(9).study_key
    with store.sessions.writing.begin() as connection:
        connection.exec_driver_sql("DELETE FROM reports")
    exam(7)
    with store.sessions.writing.begin() as connection:
        changes = select(StudyRow.changes).where(StudyRow.key == later)
        assert connection.scalar(changes) == 1


def test_every_report_that_tells_of_an_erased_exam_is_due_again_without_it(store: Store, exam: Any) -> None:
    """As an earlier exam, as the newest, and as one of another birth date under the same id."""
    early, erased, late, last = (exam(day, kl).study_key for day, kl in ((3, 0), (5, 4), (9, 2), (12, 2)))
    stranger = exam(7, 1, replace(ANNA, birth_date=date(1960, 2, 2)), uid="1.9").study_key
    nobody = exam(8, 1, replace(ANNA, id="P-18"), uid="1.10").study_key
    staying = (early, late, last, stranger, nobody)

    def report(key: str) -> None:
        store.reports.record(key, store.reports.begin(key) or 1, f"{key}.pdf", "aa", at=NOW)

    for key in (*staying, erased):
        report(key)
    assert store.reports.due() == ()
    found = store.erasures.look(Whose(study="1.2.5"))
    assert {place.key for place in found.touched} == {early, late, last, stranger}
    assert store.erasures.intend(found, (), (), abandoned=(), reason=ErasureReason.FORGET, who="me")
    report(late)  # by a daemon, which knew the erased one still
    store.erasures.erase_rows(ErasureReason.FORGET)
    assert set(store.reports.due()) == {early, late, last, stranger}
    assert {key for key, _, _ in store.reports.last_written()} == {nobody}
    assert grades_before(store, last) == [2, 0]


def test_reports_keep_an_exam_whose_time_is_over(store: Store, exam: Any) -> None:
    old, later = exam(5, 4).study_key, exam(9, 2).study_key
    store.reports.record(later, store.reports.begin(later) or 1, "x.pdf", "aa", at=NOW)
    found = store.erasures.look(None, keys=[old], reason=ErasureReason.RETENTION)
    assert store.erasures.intend(found, (), (), abandoned=(), reason=ErasureReason.RETENTION, who="retention")
    store.erasures.erase_rows(ErasureReason.RETENTION)
    assert store.reports.due() == ()
    assert grades_before(store, later) == []


def test_a_number_that_very_many_have_makes_few_reports_due(store: Store, exam: Any) -> None:
    keys = [
        exam(day, 1, replace(ANNA, birth_date=date(1950, 2, day)), uid=f"1.7.{day}").study_key for day in range(1, 15)
    ]
    for key in keys:
        store.reports.record(key, store.reports.begin(key) or 1, f"{key}.pdf", "aa", at=NOW)
    assert store.erasures.look(Whose(study="1.7.1")).touched == ()


def test_an_image_that_names_another_patient_is_no_earlier_knee(store: Store, exam: Any) -> None:
    exam(1, 0)
    exam(1, 4, replace(ANNA, name="Petrova Olga"), uid="1.2.1")
    key = exam(9, 3).study_key
    (course,) = store.studies.content(key).courses
    assert course.then.knee.stands.grade.kl == 0


def test_the_worklist_has_one_line_for_a_knee_of_a_study(store: Store, exam: Any) -> None:
    for name, kl in (("a", 0), ("b", 0), ("c", 2)):
        exam(1, kl, name=name)
    (row,) = store.worklist.page(Wanted()).rows
    assert (row.images, row.lowest_kl, row.highest_kl) == (3, 0, 2)
    assert row.review_reasons[0].code is ReviewCode.IMAGES_DISAGREE
    assert store.worklist.page(Wanted(review=True)).rows == (row,)
    assert store.worklist.counts().review == 1


def test_the_table_of_studies_has_the_knee_once_with_its_course(store: Store, exam: Any) -> None:
    exam(1, 0)
    for name in ("a", "b"):
        exam(9, 3, name=name)
    first, second = store.export.study_knees()
    assert (len(first.knee.every), first.course) == (1, None)
    assert len(second.knee.every) == 2
    assert second.course is not None
    assert second.course.grade_change == 3
