"""The worklist's own tables, kept in step with what they are made from, so that a page of millions costs fifty rows.

A line for each graded knee, and one for each file without any. Everything that a filter asks for is in the line, in one
index whose last part is the order of the page: each combination of filters is a few walks of that index.
"""

from __future__ import annotations

import datetime as dt

from sqlalchemy import ForeignKey, Index, String, delete, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from koa_worker.store.columns import Moment, RowId, one_of
from koa_worker.store.records import State
from koa_worker.store.schema import Base, File, Grade, Knee, Study
from koa_worker.store.words import LONGEST_WORD, words_of
from koa_worker.values import Side

# What a study is found by, by whoever may see patients.
STUDY_TEXTS = (Study.patient_id, Study.accession, Study.patient_name, Study.description)


class Line(Base):
    """A graded knee, or a file without one."""

    __tablename__ = "worklist_lines"
    __table_args__ = (
        Index("ix_worklist_lines_filters", "state", "kl", "side", "needs_review", "arrived_at", "id"),
        # Everything that the dashboard counts, so that it need not look into the table.
        Index("ix_worklist_lines_days", "day", "state", "kl", "code", "confidence"),
    )

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    file_id: Mapped[str] = mapped_column(ForeignKey("files.id"), index=True)
    knee_id: Mapped[int | None] = mapped_column(ForeignKey("knees.id"))
    arrived_at: Mapped[dt.datetime] = mapped_column(Moment)
    state: Mapped[State] = mapped_column(one_of(State, "state"))
    kl: Mapped[int | None]
    side: Mapped[Side] = mapped_column(one_of(Side, "side"))
    needs_review: Mapped[bool]
    code: Mapped[str | None]
    day: Mapped[dt.date | None]  # on which the file was settled, in UTC
    confidence: Mapped[float | None]


class Word(Base):
    """A word by which a file is found; in the order of the page, newest last."""

    __tablename__ = "worklist_words"
    __table_args__ = ({"sqlite_with_rowid": False},)

    names_patient: Mapped[bool] = mapped_column(primary_key=True)  # whether finding by it needs the right to see them
    # Compared by code points, whatever the database's language: a prefix is a range then.
    word: Mapped[str] = mapped_column(
        String(LONGEST_WORD).with_variant(String(LONGEST_WORD, "C"), "postgresql"), primary_key=True
    )
    arrived_at: Mapped[dt.datetime] = mapped_column(Moment, primary_key=True)
    file_id: Mapped[str] = mapped_column(ForeignKey("files.id"), primary_key=True)


def list_file(session: Session, file: File) -> None:
    """Brings a file's lines to what the file and its knees say now."""
    session.flush()
    values = {"state": file.state, "code": file.code, "day": _day(file)}
    if file.state is State.COMPLETED:
        session.execute(delete(Line).where(Line.file_id == file.id))
        session.add_all(_knee_lines(session, file))
    elif session.execute(update(Line).where(Line.file_id == file.id).values(values)).rowcount == 0:  # type: ignore[attr-defined]
        session.add(_line(file))
    list_words(session, file)


def list_words(session: Session, file: File) -> None:
    """Notes what the file can be found by; words only ever join, as neither a study nor a reject is overwritten."""
    code = words_of(file.code or "") if file.state is State.REJECTED else ()
    _add_words(session, file, code, names_patient=False)
    study = session.get(Study, file.study_key) if file.study_key else None
    if study is not None:
        _add_words(session, file, study_words(study), names_patient=True)


def _add_words(session: Session, file: File, words: tuple[str, ...], *, names_patient: bool) -> None:
    if not words:
        return
    subject = {"names_patient": names_patient, "arrived_at": file.arrived_at, "file_id": file.id}
    known = set(session.scalars(select(Word.word).filter_by(**subject).where(Word.word.in_(words))))
    session.add_all(Word(word=word, **subject) for word in words if word not in known)


def relist_study(session: Session, study: Study) -> None:
    """A later file said what the study did not know: its earlier files are found by that too."""
    session.flush()
    for file in session.scalars(select(File).where(File.study_key == study.key)):
        list_words(session, file)


def study_words(study: Study) -> tuple[str, ...]:
    return words_of(*(getattr(study, text.key) for text in STUDY_TEXTS))


def _knee_lines(session: Session, file: File) -> list[Line]:
    knees = session.execute(
        select(Knee, Grade)
        .join(Grade, (Grade.knee_id == Knee.id) & Grade.is_current)
        .where(Knee.file_id == file.id)
        .order_by(Knee.position)
    )
    return [
        _line(file, knee.id, grade.kl, knee.side, needs_review=grade.needs_review, confidence=grade.confidence)
        for knee, grade in knees
    ]


def _line(
    file: File,
    knee_id: int | None = None,
    kl: int | None = None,
    side: Side = Side.UNKNOWN,
    *,
    needs_review: bool = False,
    confidence: float | None = None,
) -> Line:
    return Line(
        file_id=file.id,
        knee_id=knee_id,
        arrived_at=file.arrived_at,
        state=file.state,
        kl=kl,
        side=side,
        needs_review=needs_review,
        code=file.code,
        day=_day(file),
        confidence=confidence,
    )


def _day(file: File) -> dt.date | None:
    return file.settled_at.date() if file.settled_at else None
