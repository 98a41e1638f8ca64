"""The states of a file, from its arrival to its end, and the transitions between them.

waiting ──start──> working ──complete──> completed
   ^                  ├──────reject────> rejected
   └──retry── failed <┴──fail            (one whose image or bytes were settled before, or an own result: duplicate)
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import ColumnElement, and_, exists, or_, select
from sqlalchemy.orm import Session

from koa_worker.errors import OWN_RESULT
from koa_worker.store.convert import to_file_record
from koa_worker.store.database.base import StorePart, reads, writes
from koa_worker.store.database.columns import storable
from koa_worker.store.database.schema import EventRow, FileRow, GradeRow, ImageRow, KneeRow, StudyRow
from koa_worker.store.encoding.encoded import EncodedResult
from koa_worker.store.journal import PATIENT_DIFFERS, SHOWS_IMAGE, list_events, record_event
from koa_worker.store.lifecycle.results import Maker, There, keep_refusals, keep_results
from koa_worker.store.lifecycle.same_image import find_same_image, renew_image, settle_same_image
from koa_worker.store.lifecycle.steps import (
    begin,
    get_file,
    is_doomed,
    look_again,
    make_known,
    meet,
    pause_after,
    refuse_doomed,
    require,
    settle,
    settle_as_duplicate,
    settle_as_own,
    settled,
    settled_twin,
    ticket,
)
from koa_worker.store.lifecycle.there import ask_what_is_there
from koa_worker.store.records.files import EventRecord, FileRecord, FileTicket, Settled, State, Taken
from koa_worker.store.study.headers import keep_header
from koa_worker.store.study.patient_exams import renew_later
from koa_worker.store.study.studies import change_study, get_study
from koa_worker.store.study.ungraded import keep_ungraded
from koa_worker.store.worklist_index import list_file
from koa_worker.values import Arrival, Failed, Rejected

_AT_A_TIME = 100


class Files(StorePart):
    """Every file that came in, from its arrival to its end."""

    @writes
    def add_arrival(self, session: Session, arrival: Arrival, at: datetime) -> FileTicket:
        """Adds a file with the id of its arrival; it is a duplicate if a file with the same content was settled before.

        The same arrival again, after a crash, gives the ticket of its present state.
        """
        refuse_doomed(session, arrival.id)
        known = session.get(FileRow, arrival.id)
        if known is not None:
            return ticket(session, known)
        file = make_known(session, arrival, at)
        list_file(session, file)
        return ticket(session, file)

    @writes
    def start(self, session: Session, file_id: str, worker: str, *, take_over: bool = False) -> bool:
        """Assigns the file to `worker`; false if another worker has it or if it is settled.

        A file that is being erased counts as unknown.

        With `take_over` it takes the file from another worker too, after a crash.
        """
        refuse_doomed(session, file_id)
        file = get_file(session, file_id)
        begun = begin(session, file, worker, self.now(), take_over=take_over)
        if begun:
            list_file(session, file)
        return begun

    @writes
    def take(self, session: Session, arrival: Arrival, worker: str) -> Taken:
        """The first two steps in one: adds the file, and assigns it to the worker unless it is settled.

        All files in a worker's own folder belong to that worker, also if another one began them.
        """
        at = self.now()
        file, is_new = meet(session, arrival, at, worker)
        if is_new:
            begun = file.state is State.WORKING
            list_file(session, file, new=True)
        else:
            look_again(file, arrival)
            begun = begin(session, file, worker, at, take_over=True)
            if begun:
                list_file(session, file)
        return Taken(to_file_record(file), ticket(session, file).original_state, begun)

    def complete(
        self, file_id: str, result: EncodedResult, model_digest: str, software_version: str, filed_as: str
    ) -> Settled:
        """Ends the file with its grades.

        A file that is completed already gets these grades as its current ones and keeps the former: that is a regrade,
        or the same result again after a crash. Another file with the same image is a duplicate; if its header differs,
        the new values are taken over.
        """
        maker = Maker(model_digest, software_version, self.now())
        return self._complete(file_id, result, maker, filed_as)

    @writes
    def _complete(self, session: Session, file_id: str, result: EncodedResult, maker: Maker, filed_as: str) -> Settled:
        file = get_file(session, file_id)
        require(file, State.WORKING, State.COMPLETED, State.DUPLICATE)
        if file.state is not State.WORKING:
            renew_image(session, file, result, maker)
            return settled(session, file, self.sessions.quiet)
        there = ask_what_is_there(session, file, result, maker)
        study = self._end(session, file, result, maker, there)
        file.filed_as = filed_as
        if study is not None:
            renew_later(session.connection(), study, maker.at)
        return settled(session, file, self.sessions.quiet, new_study=there.study is None)

    @classmethod
    def _end(
        cls, session: Session, file: FileRow, result: EncodedResult, maker: Maker, there: There
    ) -> StudyRow | None:
        """Settles a graded file, and gives the row of its study; the session forgets a row without a reference."""
        twin = session.get(FileRow, there.twin) if there.twin is not None else None
        # Two workers graded the same content at the same time; the first result counts.
        if twin is not None and twin.state is State.COMPLETED and twin.study_key is not None:
            settle_as_duplicate(session, file, twin, maker.at)
        elif there.image is not None and (image := find_same_image(session, result)) is not None:
            settle_same_image(session, file, image, result, maker)
        else:
            return cls._keep_new(session, file, result, maker, there)
        return get_study(session, file.study_key) if file.study_key is not None else None

    @staticmethod
    def _keep_new(session: Session, file: FileRow, result: EncodedResult, maker: Maker, there: There) -> StudyRow:
        """Ends a file that shows a new image."""
        study, differs = change_study(session, result.study, result.patient, maker.at, is_new=there.study is None)
        file.study_key = study.key
        keep_results(session, file, result, source_id=file.id, maker=maker, there=there, patient_differs=differs)
        keep_header(session, file.id, file.id, result, maker.at, new=True)
        file.code = file.detail = None
        settle(file, State.COMPLETED, maker.at)
        record_event(session, file.id, "completed", maker.at, f"knees: {len(result.knees)}")
        return study

    @writes
    def reject(self, session: Session, file_id: str, outcome: Rejected, filed_as: str) -> Settled:
        """Ends the file with its error code; the report of its study names it if the header names a study."""
        file, at = get_file(session, file_id), self.now()
        if file.state is State.REJECTED:
            return settled(session, file, self.sessions.quiet)  # recorded before a crash; nothing to add
        require(file, State.WORKING)
        file.filed_as = filed_as
        twin = settled_twin(session, file.sha256)
        if twin is not None:
            settle_as_duplicate(session, file, twin, at)
            return settled(session, file, self.sessions.quiet)
        if outcome.code == OWN_RESULT:
            settle_as_own(session, file, outcome, at)
            return settled(session, file, self.sessions.quiet)
        if outcome.study is not None:
            study, patient_differs = change_study(session, outcome.study, outcome.patient, at)
            if patient_differs:
                record_event(session, file.id, PATIENT_DIFFERS, at)
            if outcome.study.sop_uid:
                record_event(session, file.id, SHOWS_IMAGE, at, storable(outcome.study.sop_uid))
            file.study_key = study.key
            if outcome.ungraded is not None:
                keep_ungraded(session, file.id, outcome.ungraded, at)
        file.code, file.detail = outcome.code, outcome.detail
        keep_refusals(session, file.id, outcome.refused)
        settle(file, State.REJECTED, at)
        record_event(session, file.id, "rejected", at, outcome.code)
        return settled(session, file, self.sessions.quiet)

    @writes
    def fail(self, session: Session, file_id: str, outcome: Failed, *, max_tries: int, now: datetime) -> FileRecord:
        """Postpones the file for a growing pause, or parks it after `max_tries`."""
        file = get_file(session, file_id)
        require(file, State.WORKING)
        file.tries += 1
        file.code, file.detail = outcome.code, outcome.detail
        parked = file.tries >= max_tries
        file.next_try_at = None if parked else now + pause_after(file.tries)
        settle(file, State.FAILED, now)
        record_event(session, file.id, "parked" if parked else "failed", now, f"{outcome.code}, try {file.tries}")
        list_file(session, file)
        return to_file_record(file)

    @writes
    def record_filing(self, session: Session, file_id: str, filed_as: str) -> None:
        """Records the final path of the original of a duplicate or a parked file."""
        file = get_file(session, file_id)
        if file.filed_as != filed_as:
            file.filed_as = filed_as
            record_event(session, file.id, "filed", self.now())

    @writes
    def record_removal(self, session: Session, file_id: str) -> None:
        """Records that the original was deleted."""
        file = get_file(session, file_id)
        if file.filed_as is not None:
            file.filed_as = None
            record_event(session, file.id, "removed", self.now())

    @writes
    def retry(self, session: Session, ids: Collection[str] | None = None) -> int:
        """Puts parked files back into the queue; named files also if they are not parked yet. Gives their number."""
        for file_id in ids or ():
            get_file(session, file_id)
        chosen = FileRow.next_try_at.is_(None) if ids is None else FileRow.id.in_(ids)
        deleted = exists().where(EventRow.file_id == FileRow.id, EventRow.kind == "removed")  # by retention
        files = session.scalars(select(FileRow).where(FileRow.state == State.FAILED, chosen, ~deleted)).all()
        for file in files:
            file.state, file.tries = State.WAITING, 0
            file.next_try_at = file.settled_at = None
            record_event(session, file.id, "put_back", self.now())
            list_file(session, file)
        return len(files)

    @writes
    def take_up_again(self, session: Session, arrival: Arrival, place: str) -> State:
        """Makes a file with its original at `place` wait for a worker again, known or not; gives its state.

        For files that a restored database does not know or knows as unfinished. A settled file keeps its results.
        """
        refuse_doomed(session, arrival.id)
        file = session.get(FileRow, arrival.id) or make_known(session, arrival, self.now())
        if file.state in (State.WAITING, State.WORKING, State.FAILED):
            file.state, file.worker, file.tries = State.WAITING, None, 0
            file.starts = max(file.starts, 1)  # a file that was never begun is searched in the work folder only
            file.next_try_at = file.settled_at = None
        file.filed_as = place
        record_event(session, file.id, "taken_up_again", self.now())
        list_file(session, file)
        return file.state

    @reads
    def due_retries(self, session: Session, now: datetime, limit: int = _AT_A_TIME) -> tuple[FileRecord, ...]:
        """The files to retry, oldest first: failed ones whose pause is over, and those put back by `retry`."""
        put_back = and_(FileRow.state == State.WAITING, FileRow.starts > 0)
        paused = and_(FileRow.state == State.FAILED, FileRow.next_try_at <= now)
        return _records(session, or_(put_back, paused), limit=limit)

    @reads
    def to_regrade(
        self, session: Session, model_digest: str, after: str = "", limit: int = _AT_A_TIME
    ) -> tuple[str, ...]:
        """The ids of graded files, in order after `after`, whose current grades come from another model."""
        by_others = select(KneeRow.file_id).join(GradeRow, (GradeRow.knee_id == KneeRow.id) & GradeRow.is_current)
        by_others = by_others.where(GradeRow.model_digest != model_digest, KneeRow.file_id > after).distinct()
        return tuple(session.scalars(by_others.order_by(KneeRow.file_id).limit(limit)))

    @reads
    def is_doomed(self, session: Session, file_id: str) -> bool:
        """Whether an erasure has begun to remove the file."""
        return is_doomed(session, file_id)

    @reads
    def find(self, session: Session, file_id: str) -> FileRecord | None:
        file = session.get(FileRow, file_id)
        return to_file_record(file) if file is not None else None

    @reads
    def source(self, session: Session, file_id: str) -> FileRecord | None:
        """The file whose contents an image has now: the image's own, or a later one with another header."""
        image = session.get(ImageRow, file_id)
        file = session.get(FileRow, image.source_id or file_id) if image is not None else None
        return to_file_record(file) if file is not None else None

    @reads
    def events(self, session: Session, file_id: str) -> tuple[EventRecord, ...]:
        """The history of the file, in order."""
        return list_events(session, file_id)


def _records(session: Session, chosen: ColumnElement[bool], *, limit: int) -> tuple[FileRecord, ...]:
    files = session.scalars(select(FileRow).where(chosen).order_by(FileRow.arrived_at, FileRow.id).limit(limit))
    return tuple(map(to_file_record, files))
