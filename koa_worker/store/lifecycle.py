"""How a file gets from waiting to where it ends. Each function is one verb inside its transaction.

waiting ──start──> working ──complete──> completed
   ^                  ├──────reject────> rejected
   └──retry── failed <┴──fail            (a settled file whose bytes were settled before, or an own result: duplicate)
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, bindparam, or_, select
from sqlalchemy.orm import Session

from koa_worker import __version__
from koa_worker.errors import OWN_RESULT, WorkFailed
from koa_worker.store.convert import to_file_record
from koa_worker.store.journal import record_event, record_events
from koa_worker.store.records import FileRecord, FileTicket, Settled, State, Taken
from koa_worker.store.reports import begin_report_of_change
from koa_worker.store.schema import File, Study
from koa_worker.store.studies import change_study
from koa_worker.store.worklist_index import list_file
from koa_worker.values import Arrival, Failed, Rejected

_FIRST_PAUSE = timedelta(minutes=1)
_LONGEST_PAUSE = timedelta(hours=4)
# Statements that every file needs are made once; to put one together takes longer than SQLite takes to run it.
_REFUSED_NOW = and_(File.state == State.REJECTED, File.software_version == bindparam("version"))
_SETTLED_TWIN = (
    select(File.id)
    .where(File.sha256 == bindparam("sha256"), or_(File.state == State.COMPLETED, _REFUSED_NOW))
    .order_by(File.state, File.arrived_at)  # completed sorts before rejected
    .limit(1)
)


def add_arrival(session: Session, arrival: Arrival, at: datetime) -> FileTicket:
    """Makes the file known; the same arrival again, after a crash, gives the ticket as it stands."""
    known = session.get(File, arrival.id)
    if known is not None:
        return _ticket(session, known)
    file = _make_known(session, arrival, at)
    list_file(session, file)
    return _ticket(session, file)


def _make_known(session: Session, arrival: Arrival, at: datetime, worker: str | None = None) -> File:
    """A new file; the worker's at once if there is one, and anything to do."""
    original = settled_twin(session, arrival.sha256)
    begun = worker is not None and original is None
    file = File(
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


def start(session: Session, file_id: str, worker: str, at: datetime, *, take_over: bool) -> bool:
    """Gives the file to `worker`; false when it is another's or settled. `take_over` is for what a crash left."""
    file = get_file(session, file_id)
    begun = _start(session, file, worker, at, take_over=take_over)
    if begun:
        list_file(session, file)
    return begun


def _start(session: Session, file: File, worker: str, at: datetime, *, take_over: bool) -> bool:
    free = file.state is State.WAITING or _is_due(file, at)
    mine = file.state is State.WORKING and (file.worker == worker or take_over)
    if not (free or mine):
        return False
    file.state, file.worker, file.started_at = State.WORKING, worker, at
    file.starts += 1
    file.next_try_at = None
    record_event(session, file.id, "started" if free else "taken_up", at, worker)
    return True


def take(session: Session, arrival: Arrival, worker: str, at: datetime) -> Taken:
    """The first two steps in one: the file is known, and the worker's if there is anything left to do.

    Whatever lies in a worker's own folder is that worker's, whoever began it.
    """
    known = session.get(File, arrival.id)
    if known is None:
        file = _make_known(session, arrival, at, worker)
        begun = file.state is State.WORKING
        list_file(session, file, new=True)
    else:
        file = known
        if file.state is not State.COMPLETED:
            _look_again(file, arrival)
        begun = _start(session, file, worker, at, take_over=True)
        if begun:
            list_file(session, file)
    return Taken(to_file_record(file), _ticket(session, file).original_state, begun)


def _look_again(file: File, arrival: Arrival) -> None:
    """A file that could not be read when it was met has its bytes only now."""
    if arrival.sha256 and not file.sha256:
        file.sha256, file.size = arrival.sha256, arrival.size


def reject(session: Session, file_id: str, outcome: Rejected, filed_as: str, at: datetime) -> Settled:
    """Ends the file with its fault; its study is known if the file said which one it is of."""
    file = get_file(session, file_id)
    if file.state is State.REJECTED:
        return settled(session, file)  # said before a crash; nothing to add
    require(file, State.WORKING)
    file.filed_as = filed_as
    twin = settled_twin(session, file.sha256)
    if twin is not None:
        settle_as_duplicate(session, file, twin, at)
        return settled(session, file)
    if outcome.code == OWN_RESULT:
        _settle_as_own(session, file, outcome, at)
        return settled(session, file)
    if outcome.study is not None:
        study, patient_differs = change_study(session, outcome.study, outcome.patient, at)
        if patient_differs:
            record_event(session, file.id, "patient_differs", at)
        file.study_key = study.key
    file.code, file.detail = outcome.code, outcome.detail
    settle(file, State.REJECTED, at)
    record_event(session, file.id, "rejected", at, outcome.code)
    return settled(session, file)


def settled(session: Session, file: File) -> Settled:
    """The file as it is now, with the number of the report that its study wants; a duplicate changes no report."""
    list_file(session, file)
    study = session.get(Study, file.study_key) if file.study_key else None
    revision = begin_report_of_change(session, study) if study is not None else None
    return Settled(to_file_record(file), file.study_key, revision)


def fail(session: Session, file_id: str, outcome: Failed, max_tries: int, now: datetime) -> FileRecord:
    """Puts the file off for a growing pause, or parks it."""
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


def pause_after(tries: int) -> timedelta:
    """1, 4, 16, 64 minutes, then four hours."""
    growth: int = 4 ** min(tries - 1, 8)
    return min(_FIRST_PAUSE * growth, _LONGEST_PAUSE)


def retry(session: Session, ids: Iterable[str] | None, at: datetime) -> int:
    """Puts parked files back among the waiting; those named also if they are not parked yet."""
    chosen = File.next_try_at.is_(None) if ids is None else File.id.in_(list(ids))
    files = session.scalars(select(File).where(File.state == State.FAILED, chosen)).all()
    for file in files:
        file.state, file.tries = State.WAITING, 0
        file.next_try_at = file.settled_at = None
        record_event(session, file.id, "put_back", at)
        list_file(session, file)
    return len(files)


def record_filing(session: Session, file_id: str, filed_as: str, at: datetime) -> None:
    """Notes where the original lies now."""
    file = get_file(session, file_id)
    if file.filed_as != filed_as:
        file.filed_as = filed_as
        record_event(session, file.id, "filed", at)


def record_removal(session: Session, file_id: str, at: datetime) -> None:
    """Notes that the original is no longer kept."""
    file = get_file(session, file_id)
    if file.filed_as is not None:
        file.filed_as = None
        record_event(session, file.id, "removed", at)


def unfinished(session: Session) -> tuple[FileRecord, ...]:
    """What is being worked on; when no worker runs, what a crash left."""
    return _records(session, File.state == State.WORKING, limit=None)


def due_retries(session: Session, now: datetime, limit: int) -> tuple[FileRecord, ...]:
    """Files to take up again: their pause is over or a person put them back."""
    put_back = and_(File.state == State.WAITING, File.starts > 0)
    paused = and_(File.state == State.FAILED, File.next_try_at <= now)
    return _records(session, or_(put_back, paused), limit=limit)


def get_file(session: Session, file_id: str) -> File:
    file = session.get(File, file_id)
    if file is None:
        raise WorkFailed("store", f"file {file_id} is not known")
    return file


def require(file: File, *states: State) -> None:
    if file.state not in states:
        raise WorkFailed("store", f"file {file.id} is {file.state}, not {' or '.join(states)}")


def settle(file: File, state: State, at: datetime) -> None:
    file.state, file.settled_at, file.software_version = state, at, __version__
    file.worker = None


def settled_twin(session: Session, sha256: str) -> File | None:
    """The file with the same bytes that was settled before.

    A reject counts only if this version of the program made it: a newer one may read what an older one could not.
    """
    if not sha256:  # it could not be read
        return None
    known = session.connection().scalar(_SETTLED_TWIN, {"sha256": sha256, "version": __version__})
    return session.get(File, known) if known is not None else None


def settle_as_duplicate(session: Session, file: File, original: File, at: datetime) -> None:
    file.duplicate_of = original.id
    file.code = file.detail = None  # of an earlier try that failed
    settle(file, State.DUPLICATE, at)
    record_event(session, file.id, "duplicate", at, original.id)


def _settle_as_own(session: Session, file: File, outcome: Rejected, at: datetime) -> None:
    """What this program made has come back: nothing failed, and no study has more to report."""
    file.code, file.detail = outcome.code, outcome.detail
    settle(file, State.DUPLICATE, at)
    record_event(session, file.id, "duplicate", at, outcome.code)


def _is_due(file: File, now: datetime) -> bool:
    return file.state is State.FAILED and file.next_try_at is not None and file.next_try_at <= now


def _ticket(session: Session, file: File) -> FileTicket:
    original = session.get(File, file.duplicate_of) if file.duplicate_of else None
    return FileTicket(file.id, file.state, file.duplicate_of, original.state if original else None)


def _records(session: Session, chosen: ColumnElement[bool], *, limit: int | None) -> tuple[FileRecord, ...]:
    files = session.scalars(select(File).where(chosen).order_by(File.arrived_at, File.id).limit(limit))
    return tuple(map(to_file_record, files))
