"""The tables of the worklist, derived from the other tables, so that a page reads fifty rows even among millions.

There is a line for each graded knee of each image, and one for each file without any. Of the lines of one knee in a
study one stands, by the rule of `study/knees.py`, and is shown. All filter columns are in the line and in one index,
which ends with the order of the page: each combination of filters is a few scans of that index.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import Connection, ForeignKey, Index, String, bindparam, delete, insert, select, text, true, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from koa_worker.store.database.columns import Moment, RowId, one_of
from koa_worker.store.database.schema import Base, FileRow, GradeRow, ImageRow, KneeRow, StudyRow, table_of
from koa_worker.store.records import State
from koa_worker.store.search_words import LONGEST_WORD, words_of
from koa_worker.store.seen import SEEN, to_seen
from koa_worker.study.knees import bring_together
from koa_worker.values import Side

# The attributes of a study that are searched, for roles that may see patient data.
STUDY_TEXTS = (StudyRow.patient_id, StudyRow.accession, StudyRow.patient_name, StudyRow.description)


class IndexLine(Base):
    """A graded knee, or a file without one."""

    __tablename__ = "worklist_lines"
    __table_args__ = (
        Index("ix_worklist_lines_filters", "stands", "state", "kl", "side", "needs_review", "arrived_at", "id"),
        # Everything that the dashboard counts, so that it need not look into the table.
        Index("ix_worklist_lines_days", "day", "state", "kl", "code", "confidence"),
    )

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    file_id: Mapped[str] = mapped_column(ForeignKey("files.id"), index=True)
    knee_id: Mapped[int | None] = mapped_column(ForeignKey("knees.id"), index=True)
    stands: Mapped[bool] = mapped_column(default=True, server_default=true())  # the page has the line
    images: Mapped[int] = mapped_column(default=1, server_default="1")  # of the knee in its study
    lowest_kl: Mapped[int | None]  # among these images
    highest_kl: Mapped[int | None]
    arrived_at: Mapped[dt.datetime] = mapped_column(Moment)
    state: Mapped[State] = mapped_column(one_of(State, "state"))
    kl: Mapped[int | None]
    side: Mapped[Side] = mapped_column(one_of(Side, "side"))
    needs_review: Mapped[bool]
    code: Mapped[str | None]
    day: Mapped[dt.date | None]  # on which the file was settled, in UTC
    confidence: Mapped[float | None]


class Word(Base):
    """A word by which a file can be found; ordered like the page, newest last."""

    __tablename__ = "worklist_words"
    __table_args__ = ({"sqlite_with_rowid": False},)

    names_patient: Mapped[bool] = mapped_column(primary_key=True)  # whether finding by it needs the right to see them
    # Compared by code points, whatever the collation of the database, so that a prefix is a range.
    word: Mapped[str] = mapped_column(
        String(LONGEST_WORD).with_variant(String(LONGEST_WORD, "C"), "postgresql"), primary_key=True
    )
    arrived_at: Mapped[dt.datetime] = mapped_column(Moment, primary_key=True)
    file_id: Mapped[str] = mapped_column(ForeignKey("files.id"), primary_key=True)


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
