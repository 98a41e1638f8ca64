"""Finds the other exams of a study's patient, in an archive of any size.

A patient is identified by issuer, id and birth date; if both studies give a sex, it must be the same. An empty id
identifies nobody, and an id without a birth date is not enough: "ANON" and "0" are in the files of many patients.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    Subquery,
    bindparam,
    exists,
    func,
    literal_column,
    null,
    select,
    union_all,
    update,
)

from koa_worker.store.database.columns import WallTime
from koa_worker.store.database.schema import ImageRow, ReportRow, StudyRow, table_of
from koa_worker.store.seen import seen_in
from koa_worker.study.earlier import NO_EXAMS, Exam, PatientExams
from koa_worker.study.knees import bring_together

MOST = 12  # number of earlier exams; a patient's knees are examined about once a year

# These statements run for every report: they are built once.
_study = table_of(StudyRow)
_SAME_ID = (
    (_study.c.patient_id == bindparam("patient_id"))
    & (_study.c.patient_issuer == bindparam("patient_issuer"))
    & (_study.c.key != bindparam("key"))
)
_SAME_PATIENT = _SAME_ID & (_study.c.patient_birth_date == bindparam("birth_date"))
_DAY, _AFTER = (bindparam(name, type_=WallTime) for name in ("day", "after"))
_GRADED = exists().where(table_of(ImageRow).c.study_key == _study.c.key)
_REPORTED = exists().where(table_of(ReportRow).c.study_key == _study.c.key)


def _exams(when: ColumnElement[bool]) -> Select[*tuple[Any, ...]]:
    return select(_study.c.key, _study.c.date, _study.c.patient_sex).where(_SAME_PATIENT, when, _GRADED)


EARLIER = _exams(_study.c.date < _DAY).order_by(_study.c.date.desc()).limit(MOST)
NEWEST = _exams(_study.c.date >= _AFTER).order_by(_study.c.date.desc()).limit(1)
_NEXT = _exams(_study.c.date >= _DAY).order_by(_study.c.date).limit(MOST)
_ALL_OTHERS = select(_study.c.key).where(_SAME_ID).limit(MOST + 1)
_ANY_OTHER = select(_study.c.key).where(_SAME_ID).limit(1)
# Three short scans of the index instead of one long scan of all exams of the patient.
_BIRTH_DATES = (
    _study.c.patient_birth_date < bindparam("birth_date"),
    _study.c.patient_birth_date > bindparam("birth_date"),
    _study.c.patient_birth_date.is_(None),
)
OTHERS = union_all(
    *(select(select(_study.c.key).where(_SAME_ID, other).limit(1).subquery().c.key) for other in _BIRTH_DATES)
)


def _part(kind: str, exams: Subquery) -> Select[*tuple[Any, ...]]:
    return select(literal_column(f"'{kind}'").label("kind"), exams.c.key, exams.c.date, exams.c.patient_sex)


# What a report asks for, in one statement.
_OTHER_EXAMS = union_all(
    _part("earlier", EARLIER.subquery()),
    _part("newest", NEWEST.subquery()),
    select(literal_column("'other'"), OTHERS.subquery().c.key, null(), null()),
)
_STALE = (
    update(_study)
    .where(_study.c.key == bindparam("of_study"), _REPORTED)
    .values(
        changes=_study.c.changes + 1,
        changed_at=bindparam("at"),
        unreported_since=func.coalesce(_study.c.unreported_since, bindparam("at")),
    )
)


@dataclass(frozen=True, slots=True)
class _Asked:
    """A study, with the parameters of the statements for its patient's other exams."""

    study: Any  # a row of `studies`

    @property
    def has_id(self) -> bool:
        return bool(self.study.patient_id.strip())

    @property
    def is_known(self) -> bool:
        return self.has_id and self.study.patient_birth_date is not None

    @property
    def whose(self) -> dict[str, Any]:
        return {
            "patient_id": self.study.patient_id,
            "patient_issuer": self.study.patient_issuer,
            "birth_date": self.study.patient_birth_date,
            "key": self.study.key,
        }

    def is_same(self, other: Row[Any]) -> bool:
        """Whether the sex does not contradict that the other study is of the same patient."""
        sexes = {self.study.patient_sex, other.patient_sex} - {""}
        return len(sexes) <= 1

    def after(self) -> datetime:
        """The start of the day after the study: two studies of one day are one exam."""
        return _start(self.study.date.date() + timedelta(days=1))


def _start(day: date) -> datetime:
    return datetime.combine(day, time())


def patient_exams(connection: Connection, study: Any) -> PatientExams:
    """The earlier exams of the patient of a study, and whether there is a later one."""
    asked = _Asked(study)
    if not asked.has_id or study.date is None:
        return NO_EXAMS
    if not asked.is_known:
        return PatientExams(not_taken=connection.scalar(_ANY_OTHER, asked.whose) is not None)
    days = {"day": _start(study.date.date()), "after": asked.after()}
    rows = connection.execute(_OTHER_EXAMS, asked.whose | days).all()
    found, later = ([row for row in rows if row.kind == kind] for kind in ("earlier", "newest"))
    taken = [row for row in sorted(found, key=lambda row: row.date, reverse=True) if asked.is_same(row)]
    newest = next((row.date.date() for row in later if asked.is_same(row)), None)
    not_taken = len(found) + len(later) < len(rows) or len(taken) < len(found)
    return PatientExams(_with_knees(connection, taken), not_taken, newest)


def _with_knees(connection: Connection, rows: list[Row[Any]]) -> tuple[Exam, ...]:
    if not rows:
        return ()
    seen = seen_in(connection, [row.key for row in rows])
    return tuple(Exam(row.key, row.date.date(), bring_together(seen[row.key])) for row in rows if seen[row.key])


def tellers_of(connection: Connection, study: Any) -> set[str]:
    """The reported studies whose reports may mention this one: as an earlier exam, the newest, or one not compared.

    Reports also say that an exam was not compared for an id that very many share; it stays true there by other exams.
    """
    asked = _Asked(study)
    if not asked.has_id:
        return set()
    others = connection.scalars(_ALL_OTHERS, asked.whose).all()
    found = set(others) if len(others) <= MOST else set()
    if asked.is_known and study.date is not None:
        for near, day in ((_NEXT, asked.after()), (EARLIER, _start(study.date.date()))):
            found.update(row.key for row in connection.execute(near, {**asked.whose, "day": day}))
    return set(connection.scalars(select(_study.c.key).where(_study.c.key.in_(found), _REPORTED)))


def renew_later(connection: Connection, study: Any, at: datetime) -> None:
    """Makes the reports due that compare with this study: those of the patient's next exam day.

    A later study without a report will compare with this one when it is reported.
    """
    asked = _Asked(study)
    if not asked.is_known or study.date is None:
        return
    found = [row for row in connection.execute(_NEXT, {**asked.whose, "day": asked.after()}) if asked.is_same(row)]
    next_day = [row.key for row in found if row.date.date() == found[0].date.date()]
    for key in next_day:
        connection.execute(_STALE, {"of_study": key, "at": at})
