"""Updates the worklist's lines and words from the tables that they are derived from."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, Row, bindparam, case, delete, func, insert, select, text, update
from sqlalchemy.orm import Session

from koa_worker.store.counts.changed_days import mark_day, mark_study
from koa_worker.store.database.columns import Moment, storable
from koa_worker.store.database.schema import (
    FileRow,
    ImageRow,
    IndexLine,
    KneeRow,
    ReaderGradeRow,
    StudyRow,
    Word,
    table_of,
)
from koa_worker.store.records.files import State
from koa_worker.store.search_words import LONGEST_WORD, plain, words_of
from koa_worker.store.seen import SEEN, to_seen
from koa_worker.study.knees import bring_together
from koa_worker.values import Side

# The attributes of a study that a search covers, for roles that may see patient data.
STUDY_TEXTS = (StudyRow.patient_id, StudyRow.accession, StudyRow.patient_name, StudyRow.description)


MOST_READERS = 9  # of a study: the order counts more as this number

# These statements run a few times for each file: they are built once and bypass the object mapper.
_lines, _words = table_of(IndexLine), table_of(Word)
_FORGET_LINES = delete(_lines).where(_lines.c.file_id == bindparam("of_file"))
_RENEW_LINES = update(_lines).where(_lines.c.file_id == bindparam("of_file"))
_ADD_LINES = insert(_lines)
# A file may have some of the words already. SQLite and PostgreSQL have the same SQL for that, the library has none.
_ADD_WORDS = text(
    f"INSERT INTO {_words.name} (names_patient, word, arrived_at, file_id)"  # noqa: S608 - our own table's name
    " VALUES (:names_patient, :word, :arrived_at, :file_id) ON CONFLICT DO NOTHING"
).bindparams(bindparam("names_patient", type_=_words.c.names_patient.type), bindparam("arrived_at", type_=Moment))
_THESE_WORDS = (
    _words.c.names_patient == bindparam("names_patient"),
    _words.c.word.in_(bindparam("words", expanding=True)),
    _words.c.arrived_at == bindparam("arrived_at"),
    _words.c.file_id == bindparam("file_id"),
)
_FORGET_WORDS = delete(_words).where(*_THESE_WORDS)
_OF_STUDY = ("right_kl", "left_kl", "readers")
_READINGS = table_of(ReaderGradeRow)
_IMAGES, _KNEES = table_of(ImageRow), table_of(KneeRow)
_READERS = (
    select(func.count(_READINGS.c.reader.distinct()))
    .join(_KNEES, _KNEES.c.id == _READINGS.c.knee_id)
    .join(_IMAGES, _IMAGES.c.file_id == _KNEES.c.file_id)
    .where(_IMAGES.c.study_key == bindparam("study_key"), _READINGS.c.withdrawn_at.is_(None))
    .correlate(None)
    .scalar_subquery()
)
_COUNT_READERS = (
    update(_lines)
    .where(
        _lines.c.knee_id.is_not(None),
        _lines.c.file_id.in_(select(_IMAGES.c.file_id).where(_IMAGES.c.study_key == bindparam("study_key"))),
    )
    .values(readers=case((_READERS > MOST_READERS, MOST_READERS), else_=_READERS))
)
_NAME_PATIENT = (
    update(_lines)
    .where(
        _lines.c.file_id.in_(select(table_of(FileRow).c.id).where(table_of(FileRow).c.study_key == bindparam("key")))
    )
    .values(patient=bindparam("now_patient"), examined=bindparam("now_examined"))
)
_LINES_OF_STUDY = (
    SEEN.add_columns(
        _lines.c.id.label("line"),
        *(_lines.c[name] for name in ("stands", "needs_review", "images", "lowest_kl", "highest_kl", *_OF_STUDY)),
        _READERS.label("readers_now"),
    )
    .join(_lines, (_lines.c.knee_id == _KNEES.c.id) & (_lines.c.file_id == _IMAGES.c.file_id), isouter=True)
    .where(_IMAGES.c.study_key == bindparam("study_key"))
    .order_by(_KNEES.c.position.desc())  # a page shows the last line first
)
_STAND = update(_lines).where(_lines.c.id == bindparam("of_line"))


def list_file(session: Session, file: FileRow, *, new: bool = False) -> None:
    """Updates the lines of a file from the file and its knees; a new file has none yet."""
    session.flush()
    connection = session.connection()
    of_file = {"of_file": file.id}
    study = session.get(StudyRow, file.study_key) if file.study_key else None
    if file.state is State.COMPLETED:
        connection.execute(_FORGET_LINES, of_file)
        if study is not None:
            _list_knees(connection, file, study)
            mark_study(connection, study.key)
    else:
        now = {"state": file.state, "code": file.code, "day": _day(file), **_sorted_by(study)}
        if new or connection.execute(_RENEW_LINES, of_file | now).rowcount == 0:
            connection.execute(_ADD_LINES, [_line(file, study)])
        if file.state is State.REJECTED and now["day"] is not None:
            mark_day(connection, now["day"])
    list_words(session, file, study)


def _list_knees(connection: Connection, file: FileRow, study: StudyRow) -> None:
    """Adds the lines of a file's knees, and marks in each line of the study whether its grade stands for the knee."""
    found = connection.execute(_LINES_OF_STUDY, {"study_key": study.key}).all()
    rows = [row for row in found if row.line is not None or row.file_id == file.id]
    values = _brought_together(rows)
    new = [
        _line(file, study, knee_id=row.knee_id, side=row.side, kl=row.kl, confidence=row.confidence, **wanted)
        for row, wanted in zip(rows, values, strict=True)
        if row.line is None
    ]
    changed = [
        {"of_line": row.line, **wanted}
        for row, wanted in zip(rows, values, strict=True)
        if row.line is not None and any(getattr(row, name) != value for name, value in wanted.items())
    ]
    if new:
        connection.execute(_ADD_LINES, new)
    if changed:
        connection.execute(_STAND, changed)


def _brought_together(rows: Sequence[Row[Any]]) -> list[dict[str, Any]]:
    """The values of each knee's line that depend on the other knees of its study."""
    values: dict[tuple[str, int], dict[str, Any]] = {}
    readers = {(row.file_id, row.position): min(row.readers_now, MOST_READERS) for row in rows}
    knees = bring_together(map(to_seen, rows))
    of_study = _side_grades((knee.side, knee.stands.grade.kl) for knee in knees)
    for knee in knees:
        lowest, highest = knee.grades
        common = {"images": len(knee.every), "lowest_kl": lowest, "highest_kl": highest}
        for seen in knee.every:
            stands = seen is knee.stands
            reasons = knee.review_reasons if stands else seen.grade.review_reasons
            grades = {**of_study, **_own_grade(seen.side, seen.grade.kl)}
            own = {"stands": stands, "needs_review": bool(reasons), "readers": readers[seen.place]}
            values[seen.place] = {**own, **common, **grades}
    return [values[row.file_id, row.position] for row in rows]


def _side_grades(knees: Iterable[tuple[Side, int]]) -> dict[str, int | None]:
    """The sort value of a study on each side; a knee of unknown side counts as the right one."""
    highest: dict[Side, int] = {}
    for side, kl in knees:
        highest[side] = max(kl, highest.get(side, kl))
    return {"right_kl": highest.get(Side.RIGHT, highest.get(Side.UNKNOWN)), "left_kl": highest.get(Side.LEFT)}


def _own_grade(side: Side, kl: int) -> dict[str, int]:
    """The line's own grade on its own side, because another line of the same side may have another grade."""
    return {f"{side.value}_kl": kl} if side is not Side.UNKNOWN else {}


def count_readers(session: Session, study_key: str) -> None:
    """Brings the number of readers of a study up to date in its lines."""
    session.connection().execute(_COUNT_READERS, {"study_key": study_key})


def list_words(session: Session, file: FileRow, study: StudyRow | None) -> None:
    """Adds the words of a file. Words are only removed when a study is corrected, by `unlist_study`."""
    code = words_of(file.code or "") if file.state is State.REJECTED else ()
    _add_words(session, file, code, names_patient=False)
    if study is not None:
        _add_words(session, file, study_words(study), names_patient=True)


def _add_words(session: Session, file: FileRow, words: tuple[str, ...], *, names_patient: bool) -> None:
    if not words:
        return
    subject = {"names_patient": names_patient, "arrived_at": file.arrived_at, "file_id": file.id}
    session.connection().execute(_ADD_WORDS, [{"word": word, **subject} for word in words])


def relist_study(session: Session, study: StudyRow) -> None:
    """Updates the earlier files of a study after a later file has added or changed its attributes."""
    session.flush()
    for file in session.scalars(select(FileRow).where(FileRow.study_key == study.key)):
        list_words(session, file, study)
    now = {f"now_{name}": value for name, value in _sorted_by(study).items()}
    session.connection().execute(_NAME_PATIENT, {"key": study.key, **now})
    mark_study(session.connection(), study.key)


def unlist_study(session: Session, study: StudyRow) -> None:
    """Removes the words of a study from its files before its attributes change, so that old values find nothing."""
    session.flush()
    words = study_words(study)
    for file in session.scalars(select(FileRow).where(FileRow.study_key == study.key)):
        subject = {"names_patient": True, "arrived_at": file.arrived_at, "file_id": file.id}
        session.connection().execute(_FORGET_WORDS, {**subject, "words": words})


def study_words(study: StudyRow) -> tuple[str, ...]:
    return words_of(*(getattr(study, said.key) for said in STUDY_TEXTS))


def _sorted_by(study: StudyRow | None) -> dict[str, Any]:
    """The sort values of a line that come from its study."""
    who = plain(study.patient_name or study.patient_id) if study else ""
    return {"patient": storable(who)[:LONGEST_WORD], "examined": study.date if study else None}


def _line(file: FileRow, study: StudyRow | None, **knee: Any) -> dict[str, Any]:
    """The values of a line, of a knee or of a file without one; they assume that the knee has no other image."""
    none = {
        "knee_id": None,
        "kl": None,
        "lowest_kl": knee.get("kl"),
        "highest_kl": knee.get("kl"),
        "side": Side.UNKNOWN,
        "needs_review": False,
        "confidence": None,
        "right_kl": None,
        "left_kl": None,
        "readers": None,
        **_sorted_by(study),
    }
    of_file = {"file_id": file.id, "arrived_at": file.arrived_at, "state": file.state, "code": file.code}
    return {**none, **of_file, "day": _day(file), **knee}


def _day(file: FileRow) -> dt.date | None:
    return file.settled_at.date() if file.settled_at else None
