"""The audit log: which user did what, and when."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from koa_worker.store.database.base import StorePart, reads, writes
from koa_worker.store.database.schema import AuditRow
from koa_worker.store.records.users import AuditRecord


class Audit(StorePart):
    """The audit log; entries are only added."""

    @writes
    def note(
        self, session: Session, who: str, action: str, subject: str = "", *, address: str = "", detail: str = ""
    ) -> None:
        """Adds an entry; its subject is an id of koa-worker, never a patient id."""
        session.add(AuditRow(at=self.now(), who=who, action=action, subject=subject, address=address, detail=detail))

    @reads
    def entries(
        self,
        session: Session,
        *,
        before: int | None = None,
        limit: int = 100,
        who: str | None = None,
        subject: str | None = None,
    ) -> tuple[AuditRecord, ...]:
        """The entries before the given number, newest first; the number is the end of the previous page."""
        chosen = select(AuditRow).order_by(AuditRow.id.desc()).limit(limit)
        if before is not None:
            chosen = chosen.where(AuditRow.id < before)
        if who is not None:
            chosen = chosen.where(AuditRow.who == who)
        if subject is not None:
            chosen = chosen.where(AuditRow.subject == subject)
        return tuple(
            AuditRecord(row.id, row.at, row.who, row.action, row.subject, row.address, row.detail)
            for row in session.scalars(chosen)
        )
