"""From search words to files: a term matches the beginning of words; the newest files first, and a limited number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Select, false, func, select, true, union_all
from sqlalchemy.orm import InstrumentedAttribute, Session

from koa_worker.store.database.schema import FileRow, StudyRow, Word
from koa_worker.store.page.worklist_values import Wanted
from koa_worker.store.records.files import State
from koa_worker.store.search_words import after, may_have, terms_of, words_of
from koa_worker.store.worklist_index import STUDY_TEXTS

LOOKED_AT = 1_000
_SHORTEST_ID = 6  # least number of characters for a search by the id of a file or study
_HEXADECIMAL = frozenset("0123456789abcdef")


@dataclass(frozen=True, slots=True)
class Candidates:
    """Files that have one of the terms, newest first, and the other terms, which must still be checked."""

    file_ids: tuple[str, ...]
    others: tuple[str, ...] = ()
    too_many: bool = False  # there are more files; only the newest were taken


def candidates(session: Session, wanted: Wanted, *, may_see_patients: bool) -> Candidates:
    """Each term must begin a word of the file: of the patient's name or id, of the accession number or description.

    Without the right to see patients, only error codes and the ids of file and study are searched. A term that begins
    too many words is taken as a whole word, and only its newest files are searched.
    """
    kinds = (False, True) if may_see_patients else (False,)
    terms = terms_of(wanted.text)
    if not terms:
        return Candidates(())
    counts = {term: _count(session, term, kinds, wanted) for term in terms}
    rarest = min(terms, key=counts.__getitem__)
    too_many = counts[rarest] > LOOKED_AT
    found = _newest(session, rarest, kinds, wanted, whole=too_many)
    return Candidates(tuple(found), tuple(term for term in terms if term != rarest), too_many)


def _count(session: Session, term: str, kinds: Sequence[bool], wanted: Wanted) -> int:
    """The number of files that a term finds, up to one more than the limit."""
    arms = [arm.limit(LOOKED_AT + 1).subquery() for arm in _arms(term, kinds, wanted, whole=False)]
    counts = [select(func.count()).select_from(arm).scalar_subquery() for arm in arms]
    return sum(session.execute(select(*counts)).one())


def _newest(session: Session, term: str, kinds: Sequence[bool], wanted: Wanted, *, whole: bool) -> list[str]:
    arms = [
        arm.order_by(arm.selected_columns.arrived_at.desc()).limit(LOOKED_AT).subquery()
        for arm in _arms(term, kinds, wanted, whole=whole)
    ]
    merged = union_all(*(select(arm.c.file_id, arm.c.arrived_at) for arm in arms)).subquery()
    newest = select(merged.c.file_id).order_by(merged.c.arrived_at.desc()).limit(LOOKED_AT)
    return list(dict.fromkeys(session.scalars(newest)))


def _arms(term: str, kinds: Sequence[bool], wanted: Wanted, *, whole: bool) -> list[Select[str, datetime]]:
    """One scan of an index for each way in which the term can find a file."""
    column: ColumnElement[str] = Word.word  # type: ignore[assignment]
    begins = [column == term] if whole else [column >= term, column < after(term)]
    arms = [
        select(Word.file_id, Word.arrived_at).where(
            Word.names_patient == (true() if kind else false()), *begins, *_in_time(Word.arrived_at, wanted)
        )
        for kind in kinds
    ]
    if len(term) >= _SHORTEST_ID and set(term) <= _HEXADECIMAL:
        for own_id in (FileRow.id, FileRow.study_key):
            named = select(FileRow.id.label("file_id"), FileRow.arrived_at)
            arms.append(named.where(own_id >= term, own_id < after(term), *_in_time(FileRow.arrived_at, wanted)))
    return arms


def _in_time(arrived_at: InstrumentedAttribute[datetime], wanted: Wanted) -> list[ColumnElement[bool]]:
    since = [arrived_at >= wanted.since] if wanted.since else []
    return since + ([arrived_at < wanted.until] if wanted.until else [])


def with_all(
    session: Session, file_ids: Sequence[str], terms: Sequence[str], *, may_see_patients: bool
) -> Sequence[str]:
    """The files that have the other terms too; there are few enough to check each."""
    if not terms:
        return file_ids
    rows = session.execute(
        select(FileRow.id, FileRow.study_key, FileRow.state, FileRow.code, *STUDY_TEXTS)
        .outerjoin(StudyRow, StudyRow.key == FileRow.study_key)
        .where(FileRow.id.in_(file_ids))
    )
    fitting = []
    for file_id, study_key, state, code, *texts in rows:
        ids, reason = (file_id, study_key or ""), (code or "") if state is State.REJECTED else ""
        said = tuple(text or "" for text in texts) if may_see_patients else ()
        if not may_have(" ".join((*ids, reason, *said)), terms):
            continue
        words = (*ids, *words_of(reason), *words_of(*said))
        if all(any(word.startswith(term) for word in words) for term in terms):
            fitting.append(file_id)
    return fitting
