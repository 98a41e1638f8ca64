"""Keeps the worklist's lines and words in step with the tables that they are derived from."""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import Connection, bindparam, delete, insert, select, text, update
from sqlalchemy.orm import Session

from koa_worker.store.database.columns import Moment
from koa_worker.store.database.schema import FileRow, GradeRow, ImageRow, IndexLine, KneeRow, StudyRow, Word, table_of
from koa_worker.store.records.files import State
from koa_worker.store.search_words import words_of
from koa_worker.store.seen import SEEN, to_seen
from koa_worker.study.knees import bring_together
from koa_worker.values import Side

# The attributes of a study that are searched, for roles that may see patient data.
STUDY_TEXTS = (StudyRow.patient_id, StudyRow.accession, StudyRow.patient_name, StudyRow.description)


# These statements run a few times for each file: they are built once and bypass the object mapper.
_lines, _words = table_of(IndexLine), table_of(Word)
_FORGET_LINES = delete(_lines).where(_lines.c.file_id == bindparam("of_file"))
_RENEW_LINES = update(_lines).where(_lines.c.file_id == bindparam("of_file"))
_ADD_LINES = insert(_lines)
# A file may have some of them already. SQLite and PostgreSQL have the same words for that, the library has none.
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
_KNEES_NOW = (
    select(KneeRow.id.label("knee_id"), KneeRow.side, GradeRow.kl, GradeRow.needs_review, GradeRow.confidence)
    .join(GradeRow, (GradeRow.knee_id == KneeRow.id) & GradeRow.is_current)
    .where(KneeRow.file_id == bindparam("of_file"))
    .order_by(KneeRow.position.desc())  # a page shows the last line first
)

_LINES_OF_STUDY = (
    SEEN.add_columns(
        _lines.c.id.label("line"),
        *(_lines.c[name] for name in ("stands", "needs_review", "images", "lowest_kl", "highest_kl")),
    )
    .join(_lines, _lines.c.knee_id == table_of(KneeRow).c.id)
    .where(table_of(ImageRow).c.study_key == bindparam("study_key"))
    .where(_lines.c.file_id == table_of(ImageRow).c.file_id)
)
_STAND = update(_lines).where(_lines.c.id == bindparam("of_line"))


def list_file(session: Session, file: FileRow, *, new: bool = False) -> None:
    """Updates the lines of a file from the file and its knees; a new file has none yet."""
    session.flush()
    connection = session.connection()
    of_file = {"of_file": file.id}
    if file.state is State.COMPLETED:
        connection.execute(_FORGET_LINES, of_file)
        if lines := [_line(file, **knee) for knee in connection.execute(_KNEES_NOW, of_file).mappings()]:
            connection.execute(_ADD_LINES, lines)
        if file.study_key is not None:
            _bring_together(connection, file.study_key)
    else:
        now = {"state": file.state, "code": file.code, "day": _day(file)}
        if new or connection.execute(_RENEW_LINES, of_file | now).rowcount == 0:
            connection.execute(_ADD_LINES, [_line(file)])
    list_words(session, file)


def _bring_together(connection: Connection, study_key: str) -> None:
    """Marks the line of each knee that stands in the study, after one of its images has changed."""
    rows = connection.execute(_LINES_OF_STUDY, {"study_key": study_key}).all()
    places = {(row.file_id, row.position): row for row in rows}
    changed = []
    for knee in bring_together(map(to_seen, rows)):
        lowest, highest = knee.grades
        common = {"images": len(knee.every), "lowest_kl": lowest, "highest_kl": highest}
        for seen in knee.every:
            row, stands = places[seen.place], seen is knee.stands
            reasons = knee.review_reasons if stands else seen.grade.review_reasons
            wanted = {"stands": stands, "needs_review": bool(reasons), **common}
            if any(getattr(row, name) != value for name, value in wanted.items()):
                changed.append({"of_line": row.line, **wanted})
    if changed:
        connection.execute(_STAND, changed)


def list_words(session: Session, file: FileRow) -> None:
    """Adds the words of a file. Only those of a study that is corrected are ever removed, by `unlist_study`."""
    code = words_of(file.code or "") if file.state is State.REJECTED else ()
    _add_words(session, file, code, names_patient=False)
    study = session.get(StudyRow, file.study_key) if file.study_key else None
    if study is not None:
        _add_words(session, file, study_words(study), names_patient=True)


def _add_words(session: Session, file: FileRow, words: tuple[str, ...], *, names_patient: bool) -> None:
    if not words:
        return
    subject = {"names_patient": names_patient, "arrived_at": file.arrived_at, "file_id": file.id}
    session.connection().execute(_ADD_WORDS, [{"word": word, **subject} for word in words])


def relist_study(session: Session, study: StudyRow) -> None:
    """Adds words to the earlier files of a study, after a later file has added attributes to it or changed them."""
    session.flush()
    for file in session.scalars(select(FileRow).where(FileRow.study_key == study.key)):
        list_words(session, file)


def unlist_study(session: Session, study: StudyRow) -> None:
    """Takes the words of a study from its files, before its attributes change: nobody finds it by what it was."""
    session.flush()
    words = study_words(study)
    for file in session.scalars(select(FileRow).where(FileRow.study_key == study.key)):
        subject = {"names_patient": True, "arrived_at": file.arrived_at, "file_id": file.id}
        session.connection().execute(_FORGET_WORDS, {**subject, "words": words})


def study_words(study: StudyRow) -> tuple[str, ...]:
    return words_of(*(getattr(study, said.key) for said in STUDY_TEXTS))


def _line(file: FileRow, **knee: Any) -> dict[str, Any]:
    """The values of a line, of a knee or of a file without one; a knee is taken to be in this image only."""
    none = {
        "knee_id": None,
        "kl": None,
        "lowest_kl": knee.get("kl"),
        "highest_kl": knee.get("kl"),
        "side": Side.UNKNOWN,
        "needs_review": False,
        "confidence": None,
    }
    of_file = {"file_id": file.id, "arrived_at": file.arrived_at, "state": file.state, "code": file.code}
    return {**none, **of_file, "day": _day(file), **knee}


def _day(file: FileRow) -> dt.date | None:
    return file.settled_at.date() if file.settled_at else None
