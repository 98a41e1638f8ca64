"""The objects that wait for a destination, the time of the next try, and the effect of a person's commands."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from koa_worker.errors import UnknownRecord
from koa_worker.store import NewParcel, ParcelRecord, ParcelState, Store
from tests.make import Clock

PAUSE = timedelta(seconds=30)
OBJECTS = tuple(NewParcel("pdf", "1.2", f"2.25.{number}", f"out/{number}.dcm") for number in range(3))


@pytest.fixture
def clock() -> Clock:
    """It stands still until a test puts it forward."""
    return Clock(datetime.now(UTC) + timedelta(minutes=1))


@pytest.fixture
def queued(store: Store, clock: Clock, grade: Callable[..., tuple[str, str]]) -> tuple[ParcelRecord, ...]:
    """Three objects of a study, for one destination."""
    store.sending.know_destinations(["pacs"])
    _file, key = grade("a")
    revision = store.reports.begin(key)
    assert revision is not None
    assert store.reports.record(key, revision, "reports/x.pdf", "0" * 64, at=clock.now)
    (ticket,) = store.sending.publications_due(["pacs"])
    assert store.sending.queue(ticket, OBJECTS) == OBJECTS
    assert store.sending.publications_due(["pacs"]) == ()
    return store.sending.parcels()


def due(store: Store) -> list[str]:
    return [parcel.sop_uid for parcel in store.sending.parcels_due("pacs")]


def test_they_are_sent_in_the_order_in_which_they_were_made(store: Store, queued: Any) -> None:
    assert due(store) == [parcel.sop_uid for parcel in OBJECTS]
    assert [parcel.sop_uid for parcel in store.sending.parcels_due("pacs", 2)] == due(store)[:2]
    assert store.sending.parcels_due("another") == ()


def test_a_silent_destination_is_left_alone_for_a_growing_pause(store: Store, clock: Clock, queued: Any) -> None:
    for growth in (1, 2, 4, 8):
        assert store.sending.put_off("pacs", "no answer", PAUSE) == clock.now + growth * PAUSE
        assert due(store) == []
        clock.now += growth * PAUSE
        assert len(due(store)) == 3
    # Silence says nothing of the objects.
    assert {parcel.tries for parcel in store.sending.parcels()} == {0}
    store.sending.acknowledge(queued[0].id)
    assert store.sending.put_off("pacs", "no answer", PAUSE) == clock.now + PAUSE
    with pytest.raises(UnknownRecord):
        store.sending.put_off("nowhere", "no answer", PAUSE)


def test_a_refused_object_waits_for_a_person(store: Store, clock: Clock, queued: Any) -> None:
    first, second, third = (parcel.id for parcel in queued)

    def refuse(parcel: int, most: int | None) -> ParcelState:
        return store.sending.refuse(parcel, "status 0122", max_tries=most, first_pause=PAUSE)

    assert refuse(first, 1) is ParcelState.REFUSED
    assert [refuse(second, 2) for _ in range(2)] == [ParcelState.WAITING, ParcelState.REFUSED]
    assert {refuse(third, None) for _ in range(9)} == {ParcelState.WAITING}
    assert due(store) == []
    clock.now += timedelta(days=1)
    assert due(store) == ["2.25.2"]
    assert store.sending.parcel_counts()["pacs"] == {
        ParcelState.WAITING: 1, ParcelState.ACKNOWLEDGED: 0, ParcelState.REFUSED: 2,
    }  # fmt: skip


def test_a_person_wakes_everything_that_has_not_arrived(store: Store, clock: Clock, queued: Any) -> None:
    first, second, _third = (parcel.id for parcel in queued)
    assert store.sending.acknowledge(first)
    store.sending.refuse(second, "status 0122", max_tries=1, first_pause=PAUSE)
    store.sending.put_off("pacs", "no answer", PAUSE)
    assert due(store) == []
    assert store.sending.wake_parcels() == 2
    assert due(store) == ["2.25.1", "2.25.2"]
    assert {parcel.tries for parcel in store.sending.parcels_due("pacs")} == {0}
    assert store.sending.wake_parcels() == 2  # asked twice


def test_objects_are_kept_until_every_destination_has_them(
    store: Store, clock: Clock, grade: Callable[..., tuple[str, str]]
) -> None:
    store.sending.know_destinations(["one", "two"])
    _file, key = grade("a")
    revision = store.reports.begin(key)
    assert revision is not None
    store.reports.record(key, revision, "reports/x.pdf", "0" * 64, at=clock.now)
    (ticket,) = store.sending.publications_due(["one", "two"])
    store.sending.queue(ticket, OBJECTS[:1])
    assert store.sending.queue(ticket, OBJECTS[:1]) == ()  # a second time, after a crash
    one, two = store.sending.parcels(key)
    assert store.sending.parcel_paths() == {"out/0.dcm"}
    assert not store.sending.acknowledge(one.id)
    assert store.sending.parcel_paths() == {"out/0.dcm"}
    assert store.sending.acknowledge(two.id)
    assert store.sending.parcel_paths() == frozenset()
    with pytest.raises(UnknownRecord, match="unheard of"):
        store.sending.send_again([key, "unheard of"])
    assert store.sending.publications_due(["one", "two"]) == (), "all of them or none"
    store.sending.send_again([key])
    assert store.sending.parcels(key) == ()
    assert len(store.sending.publications_due(["one", "two"])) == 1
