"""Erasing: the items are recorded first, then files are removed, then rows; after a kill the next call continues.

look → intend → (files) → erase_rows → (files) → compact → finish
The record consists of ids and of paths made of ids. It is removed at the end, and only a line of the audit log stays.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from datetime import datetime

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from koa_worker.store.database import engine
from koa_worker.store.database.base import StorePart, reads, writes
from koa_worker.store.database.removal import remove_rows
from koa_worker.store.database.schema import AuditRow, DoomedKind, DoomedRow, FileRow, ParcelRow, ReportRow, StudyRow
from koa_worker.store.erasure.belongings import belongings, telling, uploads_of
from koa_worker.store.records.belongings import Belongings, Doomed, ErasureReason, Whose
from koa_worker.store.records.files import State
from koa_worker.store.records.sending import ParcelState


class Erasures(StorePart):
    """Erasures, from the record of what is to be erased to the end."""

    @reads
    def look(
        self,
        session: Session,
        whose: Whose | None,
        extra: Collection[str] = (),
        keys: Collection[str] = (),
        reason: ErasureReason = ErasureReason.FORGET,
    ) -> Belongings:
        """Everything that belongs to `whose`, to the studies with these keys, and to the `extra` files."""
        return belongings(session, whose, extra, keys, told=_is_told(reason))

    @writes
    def intend(
        self,
        session: Session,
        found: Belongings,
        extra: Collection[str],
        paths: Collection[str],
        *,
        abandoned: Collection[str],
        reason: ErasureReason,
        who: str,
    ) -> bool:
        """Records the items to erase; false if they have changed since the search, or if a file is in progress.

        From here on no worker begins one of these files. `abandoned` are files that are not in progress, although
        their state says so.
        """
        keys = [place.key for place in found.studies]
        now = belongings(session, None, [*extra, *(file.id for file in found.files)], keys, told=_is_told(reason))
        working = {file.id for file in now.files if file.state is State.WORKING} - set(abandoned)
        if working or now != found:
            return False
        at = self.now()
        things = [(DoomedKind.FILE, file.id) for file in found.files] + [(DoomedKind.FILE, one) for one in extra]
        things += [(DoomedKind.STUDY, key) for key in keys] + [(DoomedKind.PATH, path) for path in paths]
        for kind, key in dict.fromkeys(things):
            session.merge(DoomedRow(kind=kind, key=key, reason=reason, at=at))
        _redo(session, [place.key for place in found.touched], at)
        _note(session, at, who, f"{reason}_begun", f"files {len(found.files)}, studies {len(keys)}")
        return True

    @writes
    def doom(self, session: Session, ids: Collection[str], reason: ErasureReason) -> None:
        """Adds files without a row, and uploads that still wait, to the items to erase."""
        for file_id in ids:
            session.merge(DoomedRow(kind=DoomedKind.FILE, key=file_id, reason=reason, at=self.now()))

    @reads
    def doomed(self, session: Session, reason: ErasureReason) -> Doomed:
        """The recorded items of an unfinished erasure for this reason."""
        return _doomed(session, reason)

    @writes
    def erase_rows(self, session: Session, reason: ErasureReason) -> Counter[str]:
        """Removes the rows of all recorded items, with all rows that depend on them; gives their number by table."""
        doomed = _doomed(session, reason)
        files = [file for key in doomed.files if (file := session.get(FileRow, key)) is not None]
        # An upload that still waits in the inbox is recorded by its own id.
        uploads = {upload.id for upload in uploads_of(session, files)} | doomed.files
        if _is_told(reason):  # again: a daemon may have added one since the items were recorded
            stay = {file.study_key for file in files if file.study_key} - doomed.studies
            _redo(session, (stay | telling(session, stay | doomed.studies)) - doomed.studies, self.now())
        session.expunge_all()  # the rows are removed by statements, not as objects
        return remove_rows(session, doomed.files, doomed.studies, uploads)

    def compact(self) -> None:
        """Overwrites the rest of removed rows in unused parts of the database, if the database allows it."""
        engine.compact(self.sessions.writing, self.sessions.patience)

    @writes
    def finish(self, session: Session, reason: ErasureReason, who: str) -> None:
        """Ends an erasure: only a line of the audit log is left of it."""
        count = session.scalar(select(func.count()).where(DoomedRow.reason == reason)) or 0
        if count:
            session.execute(delete(DoomedRow).where(DoomedRow.reason == reason))
            _note(session, self.now(), who, f"{reason}_finished")

    @reads
    def studies_settled_before(self, session: Session, before: datetime, limit: int) -> tuple[str, ...]:
        """Studies without a file that arrived or was settled since, oldest first."""
        last = func.max(func.coalesce(FileRow.settled_at, FileRow.arrived_at))
        old = (
            select(FileRow.study_key)
            .join(StudyRow, StudyRow.key == FileRow.study_key)
            .where(StudyRow.created_at < before)
            .group_by(FileRow.study_key)
            .having(last < before)
        )
        return tuple(key for key in session.scalars(old.order_by(last).limit(limit)) if key)


def _is_told(reason: ErasureReason) -> bool:
    """Whether other studies' reports must stop mentioning the data; after retention they may keep an earlier exam."""
    return reason is ErasureReason.FORGET


def _doomed(session: Session, reason: ErasureReason) -> Doomed:
    kinds: dict[DoomedKind, set[str]] = {kind: set() for kind in DoomedKind}
    for row in session.scalars(select(DoomedRow).where(DoomedRow.reason == reason)):
        kinds[row.kind].add(row.key)
    return Doomed(*(frozenset(kinds[kind]) for kind in (DoomedKind.FILE, DoomedKind.STUDY, DoomedKind.PATH)))


def _redo(session: Session, keys: Collection[str], at: datetime) -> None:
    """Makes the reports of these studies due again without the erased data, and removes objects that were not sent."""
    changed = {"changes": StudyRow.changes + 1, "changed_at": at, "unreported_since": at}
    session.execute(update(StudyRow).where(StudyRow.key.in_(keys)).values(changed))
    session.execute(update(ReportRow).where(ReportRow.study_key.in_(keys)).values(path=None))
    unsent = (ParcelRow.study_key.in_(keys), ParcelRow.state != ParcelState.ACKNOWLEDGED)
    session.execute(delete(ParcelRow).where(*unsent))


def _note(session: Session, at: datetime, who: str, action: str, detail: str = "") -> None:
    session.add(AuditRow(at=at, who=who, action=action, subject="", address="", detail=detail))
