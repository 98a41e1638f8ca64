"""Makes DICOM objects of results, and sends them until each destination has acknowledged each object.

report written → objects in the outgoing folder → parcels in the store → C-STORE → acknowledged → object removed
Each step can be repeated: an object has the same UIDs each time it is made, and a parcel is queued only once.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from koa_worker.config import Config, DestinationSettings, ResultSettings
from koa_worker.errors import WorkFailed
from koa_worker.publish import dimse, into_folder, stow
from koa_worker.publish.answers import DeliveryAnswer, Parcel, Receipt, Unreachable
from koa_worker.publish.objects.base import write_object
from koa_worker.publish.objects.result import CHOSEN, ResultKind
from koa_worker.publish.objects.study_objects import Made, NotYet, ResultObjects
from koa_worker.store import NewParcel, ParcelRecord, PublicationTicket, Store, StudyRecord
from koa_worker.system import durable
from koa_worker.system.log import where

logger = logging.getLogger(__name__)

_WAYS = {"dimse": dimse.send, "stow": stow.send, "folder": into_folder.send}
_AT_A_TIME = 50  # objects in one association
_BUSY_IN_A_ROW = 3  # after this number of refusals the PACS itself is out of space, and not only for one large object


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Locks the folder of result objects against all other threads and processes that change it."""
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def sweep_objects(folder: Path, store: Store) -> None:
    """Removes objects that no parcel needs, after a kill, after their replacement, or after an erasure."""
    wanted = store.sending.parcel_paths()
    for pattern in ("*.dcm", "*.part"):
        durable.sweep(folder, pattern, lambda path: str(path) not in wanted)


def kinds_of(destination: DestinationSettings) -> frozenset[ResultKind]:
    """The kinds of objects that are sent to a destination, if they are made."""
    return frozenset(map(ResultKind, destination.kinds)) if destination.kinds else frozenset(ResultKind)


def _wanted(settings: ResultSettings, destinations: Sequence[DestinationSettings]) -> ResultSettings:
    """The settings without the kinds that no destination gets: a report names its capture only if there is one."""
    every = frozenset().union(*map(kinds_of, destinations)) if destinations else frozenset(ResultKind)
    asked = {kind.value: getattr(settings, kind.value) and kind in every for kind in CHOSEN}
    return settings.model_copy(update=asked)


class Outbox:
    """All steps from a written report to a PACS that has acknowledged the results."""

    def __init__(self, config: Config, store: Store) -> None:
        self._config = config
        self._settings = config.dicom.results
        self._destinations = config.dicom.destinations
        self._names = tuple(destination.name for destination in self._destinations)
        self._kinds = {destination.name: kinds_of(destination) for destination in self._destinations}
        self._store = store
        self._objects = ResultObjects(_wanted(self._settings, self._destinations), store)
        self._settings.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._settings.folder.chmod(0o700)
        self._swept = False
        store.sending.know_destinations(self._names)

    def work(self, stopped: Callable[[], bool] = lambda: False) -> None:
        """Makes and sends everything that is due; a lock keeps the daemon and `koa-worker send` apart."""
        with alone(self._settings.folder):
            if not self._swept:
                sweep_objects(self._settings.folder, self._store)
                self._swept = True
            for ticket in self._store.sending.publications_due(self._names):
                if stopped():
                    return
                self._publish(ticket)
            for destination in self._destinations:
                self._send_all(destination, stopped)

    # Making

    def _publish(self, ticket: PublicationTicket) -> None:
        try:
            study = self._store.studies.content(ticket.study_key).reported
            parcels = [self._put(made, places) for made, places in self._missing(ticket, study)]
        except NotYet:
            return
        # A result that cannot be expressed as DICOM must not block the others; its report is written anyway.
        except Exception as fault:
            if isinstance(fault, WorkFailed) and fault.code == "store":
                raise
            if isinstance(fault, OSError):
                logger.warning(
                    "results postponed: disk unavailable", extra={"study": ticket.study_key, "fault": where(fault)}
                )
                return
            logger.warning("results not sent", extra={"study": ticket.study_key, "fault": where(fault)})
            parcels = []
        self._store.sending.queue(ticket, parcels)

    def _missing(self, ticket: PublicationTicket, study: StudyRecord) -> Iterator[tuple[Made, tuple[str, ...]]]:
        """Objects that are not yet queued for all destinations, each with its destinations."""
        had: dict[str, set[str]] = {}
        for parcel in self._store.sending.parcels(ticket.study_key):
            had.setdefault(parcel.sop_uid, set()).add(parcel.destination)
        for made in self._objects.of_study(study, ticket):
            places = tuple(name for name in ticket.destinations if made.kind in self._kinds[name])
            if made.rejects:  # only for destinations that have the rejected objects
                having = set().union(*(had.get(one.sop_uid, set()) for one in made.rejects))
                places = tuple(name for name in ticket.destinations if name in having)
            if not had.get(made.sop_uid, set()).issuperset(places):
                yield made, places

    def _put(self, made: Made, places: tuple[str, ...]) -> NewParcel:
        path = self._settings.folder / f"{made.sop_uid}.dcm"
        target = made.make()
        write_object(path, target)
        return NewParcel(
            made.kind,
            str(target.SOPClassUID),
            made.sop_uid,
            str(path),
            subject=made.subject,
            series_uid=str(target.SeriesInstanceUID),
            replaces=made.replaces.sop_uid if made.replaces else None,
            destinations=places,
        )

    # Sending

    def _send_all(self, destination: DestinationSettings, stopped: Callable[[], bool]) -> None:
        while not stopped() and (due := self._store.sending.parcels_due(destination.name, _AT_A_TIME)):
            try:
                self._send_some(destination, due)
            # A PACS may answer anything, and the library may fail on it: this counts as no answer.
            except Exception as fault:
                if isinstance(fault, WorkFailed):
                    raise
                reason = str(fault) if isinstance(fault, Unreachable) else type(fault).__name__
                until = self._store.sending.put_off(destination.name, reason, self._first_pause)
                extra = {
                    "destination": destination.name,
                    "reason": reason,
                    "again": until.isoformat(timespec="seconds"),
                }
                logger.warning("destination does not take results", extra=extra)
                return

    def _send_some(self, destination: DestinationSettings, due: Sequence[ParcelRecord]) -> None:
        records = {record.id: record for record in due}
        parcels = [Parcel(record.id, record.sop_class_uid, Path(record.path)) for record in due]
        busy = 0
        with contextlib.closing(_WAYS[destination.protocol](destination, parcels)) as receipts:
            for receipt in receipts:
                self._note(receipt, records[receipt.parcel.id])
                busy = busy + 1 if receipt.answer is DeliveryAnswer.BUSY else 0
                if busy == _BUSY_IN_A_ROW:
                    raise Unreachable(receipt.reason)

    def _note(self, receipt: Receipt, record: ParcelRecord) -> None:
        extra = {"destination": record.destination, "object": record.sop_uid, "kind": record.kind}
        if receipt.answer is DeliveryAnswer.TAKEN:
            logger.info("sent", extra=extra)
            if self._store.sending.acknowledge(record.id):
                receipt.parcel.path.unlink(missing_ok=True)
            return
        most = {
            DeliveryAnswer.BUSY: None,
            DeliveryAnswer.FAILED: self._config.limits.max_tries,
            DeliveryAnswer.REFUSED: 1,
        }[receipt.answer]
        state = self._store.sending.refuse(record.id, receipt.reason, max_tries=most, first_pause=self._first_pause)
        logger.warning("rejected by PACS", extra={**extra, "reason": receipt.reason, "state": state})

    @property
    def _first_pause(self) -> timedelta:
        return timedelta(seconds=self._settings.retry_seconds)
