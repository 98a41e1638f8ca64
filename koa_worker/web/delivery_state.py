"""The objects of a study that each destination has, and why it lacks the others."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime

from koa_worker.publish.objects.result import ResultKind
from koa_worker.store import DeliveryRecord, ParcelRecord, ParcelState
from koa_worker.web.context import context

KINDS = {
    ResultKind.STRUCTURED_REPORT: "Structured report",
    ResultKind.SECONDARY_CAPTURE: "Secondary capture",
    ResultKind.PRESENTATION: "Presentation state",
    ResultKind.PDF: "PDF report",
    ResultKind.REJECTION_NOTE: "Rejection note",
}


@dataclass(frozen=True, slots=True)
class StudyDelivery:
    """The state of a study at one destination."""

    name: str
    parcels: tuple[ParcelRecord, ...]
    place: DeliveryRecord | None  # the state of the destination with all studies

    def count(self, state: ParcelState) -> int:
        return sum(parcel.state is state for parcel in self.parcels)

    @property
    def has(self) -> int:
        return self.count(ParcelState.ACKNOWLEDGED)

    @property
    def waiting(self) -> int:
        return self.count(ParcelState.WAITING)

    @property
    def refused(self) -> int:
        return self.count(ParcelState.REFUSED)

    @property
    def last(self) -> datetime | None:
        """The time when it took the last object."""
        return max((one.acknowledged_at for one in self.parcels if one.acknowledged_at), default=None)

    @property
    def answer(self) -> str:
        """Why it lacks some objects, in its own words."""
        own = next((one.detail for one in reversed(self.parcels) if one.detail and not one.acknowledged_at), "")
        return own or (self.place.answer if self.place and self.waiting and self.place.failures else "")

    @property
    def next_try_at(self) -> datetime | None:
        if not self.waiting:
            return None
        tries = [one.next_try_at for one in self.parcels if one.state is ParcelState.WAITING]
        place = self.place.next_try_at if self.place else None
        return max(min(tries), place) if place else min(tries)


def of_study(key: str) -> tuple[StudyDelivery, ...]:
    """One state for each destination that is configured or has objects of the study, by name."""
    store = context().store
    by_name: defaultdict[str, list[ParcelRecord]] = defaultdict(list)
    for parcel in store.sending.parcels(key):
        by_name[parcel.destination].append(parcel)
    places = {place.destination: place for place in store.deliveries.by_destination()}
    names = {one.name for one in context().config.dicom.destinations} | by_name.keys()
    return tuple(StudyDelivery(name, tuple(by_name[name]), places.get(name)) for name in sorted(names))
