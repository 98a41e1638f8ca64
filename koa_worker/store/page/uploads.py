"""Files that were uploaded on the page: the state of each, by the id that was given to its sender."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from koa_worker.store.convert import to_file_record
from koa_worker.store.database.base import StorePart, reads, writes
from koa_worker.store.database.schema import FileRow, UploadRow
from koa_worker.store.records.files import UploadRecord

_REMEMBERED = timedelta(days=1)  # if an upload was not claimed in this time, a person has removed it


class Uploads(StorePart):
    """Files that were uploaded on the page."""

    @writes
    def record(self, session: Session, upload: UploadRecord) -> None:
        session.add(
            UploadRow(
                id=upload.id,
                sha256=upload.sha256,
                size=upload.size,
                name=upload.name,
                landed_as=upload.landed_as,
                who=upload.who,
                at=upload.at,
            )
        )

    @reads
    def find(self, session: Session, upload_id: str) -> UploadRecord | None:
        """The upload, with its file after it has left the inbox, or with the earlier file of the same content."""
        upload = session.get(UploadRow, upload_id)
        if upload is None:
            return None
        file = session.scalars(select(FileRow).where(_became(upload.sha256, upload.landed_as))).first()
        original = session.get(FileRow, file.duplicate_of) if file is not None and file.duplicate_of else None
        return UploadRecord(
            id=upload.id,
            sha256=upload.sha256,
            size=upload.size,
            name=upload.name,
            landed_as=upload.landed_as,
            who=upload.who,
            at=upload.at,
            file=to_file_record(original or file) if file is not None else None,
            is_duplicate=original is not None,
        )

    @reads
    def waiting(self, session: Session) -> int:
        """The number of uploads that are still in the inbox."""
        recent = select(func.count()).select_from(UploadRow).where(UploadRow.at > self.now() - _REMEMBERED)
        claimed = select(FileRow.id).where(FileRow.sha256 == UploadRow.sha256, FileRow.name == UploadRow.landed_as)
        return session.scalar(recent.where(~claimed.exists())) or 0


def _became(sha256: str, landed_as: str) -> ColumnElement[bool]:
    return (FileRow.sha256 == sha256) & (FileRow.name == landed_as)
