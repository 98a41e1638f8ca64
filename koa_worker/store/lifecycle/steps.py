"""The steps between a file's states, inside a transaction; the verbs of `files.py` use them."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import and_, bindparam, func, select
from sqlalchemy.orm import Session

from koa_worker import __version__
from koa_worker.errors import UnknownRecord, WrongState
from koa_worker.store.convert import to_file_record
from koa_worker.store.database.schema import DoomedKind, DoomedRow, FileRow, ImageRow, StudyRow, table_of
from koa_worker.store.journal import record_event, record_events
from koa_worker.store.records.files import FileTicket, Settled, State
from koa_worker.store.reports import begin_report_of_change
from koa_worker.store.worklist_index import list_file
from koa_worker.values import Arrival, Rejected

_FIRST_PAUSE = timedelta(minutes=1)
_LONGEST_PAUSE = timedelta(hours=4)
# Statements for every file are built once, because building one takes longer than its execution by SQLite.
_REFUSED_NOW = and_(FileRow.state == State.REJECTED, FileRow.software_version == bindparam("version"))
_IMAGE_TWIN = (
    select(ImageRow.file_id)
    .join(FileRow, FileRow.id == ImageRow.source_id)
    .where(FileRow.sha256 == bindparam("sha256"))
    .order_by(FileRow.arrived_at)
    .limit(1)
)
_REFUSED_TWIN = select(FileRow.id).where(FileRow.sha256 == bindparam("sha256"), _REFUSED_NOW)
_REFUSED_TWIN = _REFUSED_TWIN.order_by(FileRow.arrived_at).limit(1)
TWIN = func.coalesce(_IMAGE_TWIN.scalar_subquery(), _REFUSED_TWIN.scalar_subquery())
_TWIN = select(TWIN)


_doomed = table_of(DoomedRow)
_IS_DOOMED = select(_doomed.c.key).where(_doomed.c.kind == DoomedKind.FILE, _doomed.c.key == bindparam("file_id"))
_IS_MET = select(table_of(FileRow).c.id).where(table_of(FileRow).c.id == bindparam("file_id"))
# What a file that comes in is asked about, in one statement.
_MET = select(
    _IS_DOOMED.scalar_subquery().label("doomed"), _IS_MET.scalar_subquery().label("known"), TWIN.label("twin")
)


def is_doomed(session: Session, file_id: str) -> bool:
    """Whether an erasure has begun to remove the file: then no worker may begin it."""
    return session.connection().scalar(_IS_DOOMED, {"file_id": file_id}) is not None


def refuse_doomed(session: Session, file_id: str) -> None:
    """Raises UnknownRecord for a file that is being erased: for a worker it does not exist."""
    if is_doomed(session, file_id):
        raise _unknown(file_id)


def _unknown(file_id: str) -> UnknownRecord:
    return UnknownRecord("unknown_record", f"file {file_id}")


def meet(session: Session, arrival: Arrival, at: datetime, worker: str) -> tuple[FileRow, bool]:
    """The file of an arrival, and whether it is new: then it is the worker's at once, if there is anything to do.

    Raises UnknownRecord for one that is being erased.
    """
    asked = {"file_id": arrival.id, "sha256": arrival.sha256, "version": __version__}
    met = session.connection().execute(_MET, asked).one()
    if met.doomed is not None:
        raise _unknown(arrival.id)
    if met.known is not None:
        return get_file(session, arrival.id), False
    return make_known(session, arrival, at, worker, is_first=met.twin is None), True


def get_file(session: Session, file_id: str) -> FileRow:
    file = session.get(FileRow, file_id)
    if file is None:
        raise _unknown(file_id)
    return file


def require(file: FileRow, *states: State) -> None:
    if file.state not in states:
        raise WrongState("wrong_state", f"file {file.id} is {file.state}, not {' or '.join(states)}")


def make_known(
    session: Session, arrival: Arrival, at: datetime, worker: str | None = None, *, is_first: bool = False
) -> FileRow:
    """Adds a new file; assigns it to the worker at once, if there is one and the file is not settled.

    With `is_first` no file with the same bytes is searched for, because there is none.
    """
    original = None if is_first else settled_twin(session, arrival.sha256)
    begun = worker is not None and original is None
    file = FileRow(
        id=arrival.id,
        sha256=arrival.sha256,
        size=arrival.size,
        name=arrival.name,
        state=State.WORKING if begun else State.WAITING,
        worker=worker if begun else None,
        starts=int(begun),
        tries=0,
        arrived_at=at,
        started_at=at if begun else None,
    )
    session.add(file)
    session.flush()  # before its events, which refer to it
    record_events(session, file.id, at, ("arrived", ""), *([("started", worker or "")] if begun else []))
    if original is not None:
        settle_as_duplicate(session, file, original, at)
    return file


def ticket(session: Session, file: FileRow) -> FileTicket:
    original = session.get(FileRow, file.duplicate_of) if file.duplicate_of else None
    return FileTicket(file.id, file.state, file.duplicate_of, original.state if original else None)


def begin(session: Session, file: FileRow, worker: str, at: datetime, *, take_over: bool) -> bool:
    """Assigns the file to `worker`; false if another worker has it or it is settled. `take_over` is for crashes."""
    free = file.state is State.WAITING or _is_due(file, at)
    mine = file.state is State.WORKING and (file.worker == worker or take_over)
    if not (free or mine):
        return False
    file.state, file.worker, file.started_at = State.WORKING, worker, at
    file.starts += 1
    file.next_try_at = None
    record_event(session, file.id, "started" if free else "taken_up", at, worker)
    return True


def _is_due(file: FileRow, now: datetime) -> bool:
    return file.state is State.FAILED and file.next_try_at is not None and file.next_try_at <= now


def settle(file: FileRow, state: State, at: datetime) -> None:
    file.state, file.settled_at, file.software_version = state, at, __version__
    file.worker = None


def settled_twin(session: Session, sha256: str) -> FileRow | None:
    """The settled file with the same bytes: of an image, or rejected.

    The bytes of an image are those of its source: if a later file has corrected the header, the earlier header would be
    a change again. A rejected file counts only if this version rejected it: a newer version may read a file that an
    older one could not.
    """
    if not sha256:  # it could not be read
        return None
    known = session.connection().scalar(_TWIN, {"sha256": sha256, "version": __version__})
    return session.get(FileRow, known) if known is not None else None


def settle_as_own(session: Session, file: FileRow, outcome: Rejected, at: datetime) -> None:
    """Settles a result of this program that came back: nothing failed, and no report changes."""
    file.code, file.detail = outcome.code, outcome.detail
    settle(file, State.DUPLICATE, at)
    record_event(session, file.id, "duplicate", at, outcome.code)


def look_again(file: FileRow, arrival: Arrival) -> None:
    """Adds the hash to a file that could not be read when it was first seen."""
    if arrival.sha256 and not file.sha256:
        file.sha256, file.size = arrival.sha256, arrival.size


def settle_as_duplicate(session: Session, file: FileRow, original: FileRow, at: datetime) -> None:
    file.duplicate_of = original.id
    file.code = file.detail = None  # of an earlier try that failed
    settle(file, State.DUPLICATE, at)
    record_event(session, file.id, "duplicate", at, original.id)


def settled(session: Session, file: FileRow, quiet: timedelta, *, new_study: bool = False) -> Settled:
    """The final state of the file, with the revision of the report that is due; a duplicate changes no report.

    `new_study`: the study of the file was made in this transaction.
    """
    list_file(session, file)
    study = session.get(StudyRow, file.study_key) if file.study_key else None
    revision = None
    if study is not None:
        revision = begin_report_of_change(session, file, study, quiet, new_study=new_study)
    return Settled(to_file_record(file), file.study_key, revision)


def pause_after(tries: int) -> timedelta:
    """The pause before a retry: 1, 4, 16, 64 minutes, then four hours."""
    growth: int = 4 ** min(tries - 1, 8)
    return min(_FIRST_PAUSE * growth, _LONGEST_PAUSE)
