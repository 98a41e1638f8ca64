"""The queue of objects for each destination, and which of them were acknowledged.

report written ──due──> publication ──queue──> parcel waiting ──acknowledge──> acknowledged
                                                 ^   └──put_off, refuse──> waiting, later, or refused
                                                 └──send_again (a person asks)
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta

from sqlalchemy import delete, exists, func, or_, select, update
from sqlalchemy.orm import Session

from koa_worker.errors import UnknownRecord
from koa_worker.store.database.base import StorePart, reads, writes
from koa_worker.store.database.schema import (
    DestinationRow,
    ImageRow,
    ParcelRow,
    PublicationRow,
    ReportRow,
    ResultObjectRow,
)
from koa_worker.store.records.sending import NewParcel, ParcelRecord, ParcelState, PublicationTicket, ResultObjectRecord
from koa_worker.store.study.studies import get_study
from koa_worker.store.study.ungraded import any_ungraded

_LONGEST_PAUSE = timedelta(hours=1)
_AT_A_TIME = 100


class Sending(StorePart):
    """The queue of objects and their destinations."""

    @writes
    def know_destinations(self, session: Session, names: Collection[str]) -> None:
        """Adds new destinations. They get only results that are reported from now on, not the archive."""
        for name in names:
            if session.get(DestinationRow, name) is None:
                session.add(DestinationRow(name=name, since=self.now()))

    @reads
    def publications_due(self, session: Session, names: Collection[str]) -> tuple[PublicationTicket, ...]:
        """Studies of DICOM files whose newest report has no objects for these destinations yet."""
        since = {
            row.name: row.since for row in session.scalars(select(DestinationRow).where(DestinationRow.name.in_(names)))
        }
        newest = (
            select(ReportRow.study_key, func.max(ReportRow.revision).label("revision"))
            .where(ReportRow.written_at.is_not(None))
            .group_by(ReportRow.study_key)
            .subquery()
        )
        of_images = exists().where(ImageRow.study_key == ReportRow.study_key, ImageRow.format == "DICOM")
        rows = session.execute(
            select(ReportRow, PublicationRow)
            .join(newest, (newest.c.study_key == ReportRow.study_key) & (newest.c.revision == ReportRow.revision))
            .join(PublicationRow, PublicationRow.study_key == ReportRow.study_key, isouter=True)
            .where(ReportRow.revision > func.coalesce(PublicationRow.revision, 0))
            .where(or_(of_images, any_ungraded(ReportRow.study_key)))
            .order_by(ReportRow.written_at)
        )
        tickets = (_ticket(report, since, asked=bool(published and published.asked)) for report, published in rows)
        return tuple(ticket for ticket in tickets if ticket.destinations)

    @writes
    def queue(
        self, session: Session, ticket: PublicationTicket, parcels: Collection[NewParcel]
    ) -> tuple[NewParcel, ...]:
        """Records the objects of a revision as ready, and gives those that no destination has yet."""
        at = self.now()
        publication = session.get(PublicationRow, ticket.study_key)
        if publication is None:
            publication = PublicationRow(study_key=ticket.study_key, revision=0, asked=False, at=at)
            session.add(publication)
        publication.revision, publication.asked, publication.at = ticket.revision, False, at
        new = []
        for parcel in parcels:
            _know_object(session, ticket, parcel)
            had = set(session.scalars(select(ParcelRow.destination).where(ParcelRow.sop_uid == parcel.sop_uid)))
            wanted = ticket.destinations if parcel.destinations is None else parcel.destinations
            missing = [name for name in wanted if name not in had]
            session.add_all(_parcel(name, ticket.study_key, parcel, at) for name in missing)
            if missing:
                new.append(parcel)
        return tuple(new)

    @reads
    def result_objects(self, session: Session, study_key: str) -> tuple[ResultObjectRecord, ...]:
        """All result objects of a study that were ever queued, in the order in which they were made."""
        rows = session.scalars(
            select(ResultObjectRow).where(ResultObjectRow.study_key == study_key).order_by(ResultObjectRow.id)
        )
        return tuple(
            ResultObjectRecord(row.kind, row.subject, row.sop_class_uid, row.sop_uid, row.series_uid, row.replaces)
            for row in rows
        )

    @reads
    def parcels_due(self, session: Session, destination: str, limit: int = _AT_A_TIME) -> tuple[ParcelRecord, ...]:
        """The objects that are due for a destination, in the order in which they were made."""
        now = self.now()
        place = session.get(DestinationRow, destination)
        if place is not None and place.next_try_at is not None and place.next_try_at > now:
            return ()
        chosen = (
            ParcelRow.destination == destination,
            ParcelRow.state == ParcelState.WAITING,
            ParcelRow.next_try_at <= now,
        )
        return tuple(
            map(_record, session.scalars(select(ParcelRow).where(*chosen).order_by(ParcelRow.id).limit(limit)))
        )

    @reads
    def parcels(self, session: Session, study_key: str | None = None) -> tuple[ParcelRecord, ...]:
        """All objects that were ever queued, or those of one study."""
        every = select(ParcelRow).order_by(ParcelRow.id)
        return tuple(
            map(_record, session.scalars(every.where(ParcelRow.study_key == study_key) if study_key else every))
        )

    @reads
    def parcel_paths(self, session: Session) -> frozenset[str]:
        """The paths of the objects that at least one destination has not acknowledged."""
        return frozenset(session.scalars(select(ParcelRow.path).where(ParcelRow.state != ParcelState.ACKNOWLEDGED)))

    @writes
    def acknowledge(self, session: Session, parcel_id: int) -> bool:
        """Records that the destination has the object; true if no other destination still waits for it."""
        parcel = _get(session, parcel_id)
        parcel.state, parcel.acknowledged_at, parcel.detail = ParcelState.ACKNOWLEDGED, self.now(), ""
        parcel.tries += 1
        session.flush()
        _it_answers(session, parcel.destination)
        open_ones = (ParcelRow.sop_uid == parcel.sop_uid, ParcelRow.state != ParcelState.ACKNOWLEDGED)
        return not session.scalar(select(exists().where(*open_ones)))

    @writes
    def put_off(self, session: Session, destination: str, detail: str, first_pause: timedelta) -> datetime:
        """Postpones all objects for a destination that does not answer, and gives the time of the next try."""
        place = session.get(DestinationRow, destination)
        if place is None:
            raise UnknownRecord("unknown_record", f"destination {destination}")
        place.failures += 1
        place.detail = detail
        place.next_try_at = until = self.now() + pause_after(place.failures, first_pause)
        return until

    @writes
    def refuse(
        self, session: Session, parcel_id: int, detail: str, *, max_tries: int | None, first_pause: timedelta
    ) -> ParcelState:
        """Records that the destination did not take the object; after `max_tries` it waits for a person."""
        parcel = _get(session, parcel_id)
        parcel.tries += 1
        parcel.detail = detail
        too_often = max_tries is not None and parcel.tries >= max_tries
        parcel.state = ParcelState.REFUSED if too_often else ParcelState.WAITING
        parcel.next_try_at = self.now() + pause_after(parcel.tries, first_pause)
        return parcel.state

    @writes
    def wake_parcels(self, session: Session) -> int:
        """Makes all waiting and refused objects due now, and gives their number."""
        chosen = ParcelRow.state != ParcelState.ACKNOWLEDGED
        count = session.scalar(select(func.count()).select_from(ParcelRow).where(chosen)) or 0
        session.execute(
            update(ParcelRow).where(chosen).values(state=ParcelState.WAITING, tries=0, next_try_at=self.now())
        )
        session.execute(update(DestinationRow).values(failures=0, next_try_at=None))
        return count

    @writes
    def send_again(self, session: Session, study_keys: Collection[str]) -> None:
        """Makes all objects of these studies due again, acknowledged or not."""
        for key in study_keys:
            get_study(session, key)
            session.merge(PublicationRow(study_key=key, revision=0, asked=True, at=self.now()))
        session.execute(delete(ParcelRow).where(ParcelRow.study_key.in_(study_keys)))

    @reads
    def parcel_counts(self, session: Session) -> Mapping[str, Mapping[ParcelState, int]]:
        """The number of objects in each state, by destination."""
        counts: dict[str, dict[ParcelState, int]] = {
            name: dict.fromkeys(ParcelState, 0) for name in session.scalars(select(DestinationRow.name))
        }
        groups = select(ParcelRow.destination, ParcelRow.state, func.count()).group_by(
            ParcelRow.destination, ParcelRow.state
        )
        for destination, state, count in session.execute(groups):
            counts[destination][state] = count
        return counts


def _ticket(report: ReportRow, since: Mapping[str, datetime], *, asked: bool) -> PublicationTicket:
    assert report.written_at is not None  # noqa: S101 - chosen so
    chosen = tuple(sorted(name for name, start in since.items() if asked or start <= report.written_at))
    return PublicationTicket(report.study_key, report.revision, report.path or "", report.written_at, chosen)


def _know_object(session: Session, ticket: PublicationTicket, parcel: NewParcel) -> None:
    """Records an object once, without later changes: an object that is sent again names the same predecessor."""
    if session.scalar(select(ResultObjectRow.id).where(ResultObjectRow.sop_uid == parcel.sop_uid)) is None:
        session.add(
            ResultObjectRow(
                study_key=ticket.study_key,
                kind=parcel.kind,
                subject=parcel.subject,
                sop_class_uid=parcel.sop_class_uid,
                sop_uid=parcel.sop_uid,
                series_uid=parcel.series_uid,
                replaces=parcel.replaces,
            )
        )


def _parcel(destination: str, study_key: str, parcel: NewParcel, at: datetime) -> ParcelRow:
    return ParcelRow(
        destination=destination,
        study_key=study_key,
        kind=parcel.kind,
        sop_class_uid=parcel.sop_class_uid,
        sop_uid=parcel.sop_uid,
        path=parcel.path,
        state=ParcelState.WAITING,
        tries=0,
        next_try_at=at,
        detail="",
        queued_at=at,
    )


def _it_answers(session: Session, destination: str) -> None:
    fails = (DestinationRow.name == destination, DestinationRow.failures > 0)
    session.execute(update(DestinationRow).where(*fails).values(failures=0, detail="", next_try_at=None))


def pause_after(tries: int, first_pause: timedelta) -> timedelta:
    """The pause before the next try; it doubles from try to try, up to one hour."""
    growth: int = 2 ** min(max(tries, 1) - 1, 16)
    return min(first_pause * growth, _LONGEST_PAUSE)


def _get(session: Session, parcel_id: int) -> ParcelRow:
    parcel = session.get(ParcelRow, parcel_id)
    if parcel is None:
        raise UnknownRecord("unknown_record", f"parcel {parcel_id}")
    return parcel


def _record(parcel: ParcelRow) -> ParcelRecord:
    return ParcelRecord(
        id=parcel.id,
        destination=parcel.destination,
        study_key=parcel.study_key,
        kind=parcel.kind,
        sop_class_uid=parcel.sop_class_uid,
        sop_uid=parcel.sop_uid,
        path=parcel.path,
        state=parcel.state,
        tries=parcel.tries,
        next_try_at=parcel.next_try_at,
        detail=parcel.detail,
        acknowledged_at=parcel.acknowledged_at,
    )
