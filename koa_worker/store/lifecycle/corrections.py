"""A person corrects an image: its sides, or the size of its pixels."""

from __future__ import annotations

from sqlalchemy.orm import Session

from koa_worker.errors import UnknownRecord
from koa_worker.store.database.base import StorePart, writes
from koa_worker.store.database.schema import ImageRow
from koa_worker.store.journal import record_event
from koa_worker.store.lifecycle.steps import get_file
from koa_worker.store.study.corrected import write_correction
from koa_worker.store.study.patient_exams import renew_later
from koa_worker.store.study.studies import get_study
from koa_worker.store.worklist_index import list_file
from koa_worker.study.correction import Corrected


class Corrections(StorePart):
    """Corrections of images by persons."""

    @writes
    def correct(self, session: Session, study_key: str, file_id: str, corrected: Corrected, *, who: str) -> bool:
        """Makes these values count for an image, and its report due; false if they count already.

        An empty correction withdraws an earlier one.
        """
        image, at = session.get(ImageRow, file_id), self.now()
        if image is None or image.study_key != study_key:
            raise UnknownRecord("unknown_record", f"image {file_id}")
        changes = write_correction(session, file_id, corrected, who, at)
        if changes is None:
            return False
        session.expire_all()  # the statements bypassed the session's objects
        file, study = get_file(session, file_id), get_study(session, study_key)
        record_event(session, file_id, "corrected", at, f"by {who}: {changes}")
        study.changes += 1
        study.changed_at = at
        study.unreported_since = study.unreported_since or at
        list_file(session, file)
        renew_later(session.connection(), study, at)
        return True
