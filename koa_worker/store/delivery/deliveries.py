"""The state of each destination for the administrator: the objects that it has received, and those that wait."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from koa_worker.store.database.base import StorePart, reads
from koa_worker.store.database.schema import DestinationRow, ParcelRow
from koa_worker.store.records.sending import DeliveryRecord, ParcelState


class Deliveries(StorePart):
    """Counts and times of the objects that were queued."""

    @reads
    def by_destination(self, session: Session) -> tuple[DeliveryRecord, ...]:
        """One record for each destination that was ever known, by name."""
        groups = _groups(session)
        failing = _failing(session)
        answers = _last_answers(session)
        none: tuple[int, datetime | None, datetime | None] = (0, None, None)
        found = []
        for place in session.scalars(select(DestinationRow).order_by(DestinationRow.name)):
            waiting, refused, had = (
                groups.get((place.name, state), none)
                for state in (ParcelState.WAITING, ParcelState.REFUSED, ParcelState.ACKNOWLEDGED)
            )
            found.append(
                DeliveryRecord(
                    destination=place.name,
                    waiting=waiting[0],
                    failing=failing.get(place.name, 0),
                    refused=refused[0],
                    acknowledged=had[0],
                    failures=place.failures,
                    answer=place.detail or answers.get(place.name, ""),
                    next_try_at=place.next_try_at,
                    oldest_waiting=waiting[1],
                    oldest_refused=refused[1],
                    last_success=had[2],
                )
            )
        return tuple(found)


def _groups(session: Session) -> Mapping[tuple[str, ParcelState], tuple[int, datetime | None, datetime | None]]:
    """By destination and state: the number of objects, the first time of queueing and the last acknowledgement."""
    rows = session.execute(
        select(
            ParcelRow.destination,
            ParcelRow.state,
            func.count(),
            func.min(ParcelRow.queued_at),
            func.max(ParcelRow.acknowledged_at),
        ).group_by(ParcelRow.destination, ParcelRow.state)
    )
    return {(name, state): (count, oldest, last) for name, state, count, oldest, last in rows}


def _failing(session: Session) -> Mapping[str, int]:
    chosen = (ParcelRow.state == ParcelState.WAITING, ParcelRow.tries > 0)
    rows = session.execute(select(ParcelRow.destination, func.count()).where(*chosen).group_by(ParcelRow.destination))
    return dict(iter(rows))


def _last_answers(session: Session) -> Mapping[str, str]:
    """The answer of each destination to the last queued object that it did not accept."""
    chosen = (ParcelRow.state != ParcelState.ACKNOWLEDGED, ParcelRow.detail != "")
    newest = select(func.max(ParcelRow.id)).where(*chosen).group_by(ParcelRow.destination)
    rows = session.execute(select(ParcelRow.destination, ParcelRow.detail).where(ParcelRow.id.in_(newest)))
    return dict(iter(rows))
