"""A study of a knee without any grade is reported once it is at rest; one without a knee never."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from koa_worker import __version__
from koa_worker.store import PublicationTicket, RejectedRecord, Settled, Store, UngradedRecord
from koa_worker.values import Box, GradedBy, KneeRoi, RefusedKnee, Side, Ungraded
from tests.make import Clock

START = datetime(2026, 6, 1, 12, tzinfo=UTC)
BY = GradedBy("net-v1", "ab" * 32, "1")
Refuse = Callable[..., Settled]


@pytest.fixture
def store(url: str, clock: Clock) -> Iterator[Store]:
    clock.now = START
    with Store.open(url, clock=clock) as opened:  # its reports wait for nothing
        yield opened


@pytest.fixture
def refuse(store: Store, make: Any) -> Refuse:
    """Rejects an image of the study 1.2.3 that is about these knees, or about none."""

    def refuse(content: str, named: tuple[Side, ...] | None, **said: Any) -> Settled:
        arrival = make.arrival(content)
        outcome = make.rejected(arrival, study_uid="1.2.3")
        outcome = replace(
            outcome,
            study=replace(outcome.study, **said),
            ungraded=None if named is None else Ungraded(named, BY),
        )
        store.files.take(arrival, "w")
        return store.files.reject(arrival.id, outcome, f"rejected/{content}")

    return refuse


def tickets(store: Store) -> tuple[PublicationTicket, ...]:
    return store.sending.publications_due(["pacs"])


def test_it_is_reported_and_sent_when_it_is_at_rest(store: Store, refuse: Refuse, clock: Clock) -> None:
    store.sending.know_destinations(["pacs"])
    assert refuse("a", (Side.RIGHT,)).revision is None  # the next image may have a grade
    clock.now = START + timedelta(seconds=1)
    key = refuse("b", None).study_key
    assert key is not None
    assert [owed.ready for owed in store.reports.owed()] == [False]
    clock.now = START + timedelta(seconds=7)
    assert [owed.ready for owed in store.reports.owed()] == [True]
    assert store.reports.due() == (key,)
    assert store.reports.begin(key) == 1
    store.reports.record(key, 1, "x", "f", at=clock.now)
    assert store.reports.due() == ()
    assert [ticket.study_key for ticket in tickets(store)] == [key]
    by = replace(BY, software=__version__)
    said = [file.ungraded for file in store.studies.content(key).rejected]
    assert said == [UngradedRecord((Side.RIGHT,), by, START, patient_differs=False), None]


def test_it_is_reported_at_once_if_nothing_more_will_come(refuse: Refuse) -> None:
    assert refuse("a", (Side.RIGHT,), expected_images=1).revision == 1


def test_other_parts_are_not_reported(store: Store, refuse: Refuse, clock: Clock) -> None:
    assert refuse("hip", None, expected_images=1).revision is None
    clock.now = START + timedelta(days=1)
    assert (store.reports.owed(), store.reports.due()) == ((), ())


@pytest.mark.parametrize(
    ("named", "seen", "unseen"),
    [
        ((Side.RIGHT, Side.LEFT), (), (Side.RIGHT, Side.LEFT)),
        ((Side.RIGHT, Side.LEFT), (Side.RIGHT,), (Side.LEFT,)),
        ((Side.RIGHT, Side.LEFT), (Side.UNKNOWN,), (Side.LEFT,)),
        ((Side.RIGHT, Side.LEFT), (Side.RIGHT, Side.UNKNOWN), ()),
        ((Side.UNKNOWN,), (Side.LEFT,), ()),
        ((Side.LEFT,), (), (Side.LEFT,)),
        ((), (Side.LEFT,), ()),
    ],
)
def test_which_of_the_named_knees_nobody_saw(
    named: tuple[Side, ...], seen: tuple[Side, ...], unseen: tuple[Side, ...]
) -> None:
    refused = tuple(RefusedKnee(KneeRoi(Box(1, 2, 3, 3), side), "implant") for side in seen)
    file = RejectedRecord(
        "a", "b", "implant", "", START, refused, UngradedRecord(named, BY, START, patient_differs=False)
    )
    assert file.unseen == unseen
