"""A report waits until its study is quiet, complete or has waited long enough; an image keeps its number."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from koa_worker.store import Settled, Store
from tests.make import Clock

START = datetime(2026, 6, 1, 12, tzinfo=UTC)
QUIET = 60.0
Keep = Callable[..., Settled]


@pytest.fixture
def store(url: str, clock: Clock) -> Iterator[Store]:
    clock.now = START
    with Store.open(url, clock=clock, quiet_seconds=QUIET) as opened:
        yield opened


@pytest.fixture
def keep(store: Store, make: Any) -> Keep:
    """Grades an image of the study 1.2.3."""

    def keep(content: str, **said: Any) -> Settled:
        arrival = make.arrival(content)
        store.files.take(arrival, "w")
        result = make.completed(arrival)
        return store.files.complete(arrival.id, replace(result, study=replace(result.study, **said)), "d", "1", "x")

    return keep


def ready(store: Store) -> list[bool]:
    return [owed.ready for owed in store.reports.owed()]


def after(clock: Clock, seconds: float) -> None:
    clock.now = START + timedelta(seconds=seconds)


def test_a_report_is_ready_when_its_study_was_quiet_and_is_claimed_once(store: Store, keep: Keep, clock: Clock) -> None:
    for seconds in (0, 50, 100, 150):
        after(clock, seconds)
        assert keep(str(seconds)).revision is None
        assert ready(store) == [False]
    after(clock, 209)
    assert ready(store) == [False]
    after(clock, 210)
    assert ready(store) == [True]
    (owed,) = store.reports.owed()
    assert store.reports.claim([owed.study_key]) == (owed.study_key,)
    assert store.reports.claim([owed.study_key]) == ()  # another daemon was quicker
    assert store.reports.owed() == ()
    assert store.reports.begin(owed.study_key) == 1
    store.reports.record(owed.study_key, 1, "x", "f", at=START)
    assert store.reports.due() == ()


def test_waiting_outlives_a_restart_and_a_claimed_report_is_not_lost(
    store: Store, keep: Keep, clock: Clock, url: str
) -> None:
    keep("a")
    after(clock, 61)
    with Store.open(url, clock=clock, quiet_seconds=QUIET) as again:
        assert again.reports.left_over() == ()  # it waits for its time
        (owed,) = again.reports.owed()
        assert owed.ready
        again.reports.claim([owed.study_key])
    assert store.reports.left_over() == (owed.study_key,)  # of a daemon that died with it
    store.reports.ask(owed.study_key)
    assert ready(store) == [False]
    assert store.reports.left_over() == ()


def test_a_study_that_never_comes_to_rest_is_reported_after_ten_times_as_long(
    store: Store, keep: Keep, clock: Clock
) -> None:
    for step in range(20):
        after(clock, step * 31)
        keep(str(step))
        assert ready(store) == [step * 31 >= 600]


def test_a_clock_that_is_set_back_does_not_make_a_report_wait_for_it(store: Store, keep: Keep, clock: Clock) -> None:
    keep("a")
    after(clock, -86400)
    assert ready(store) == [True]
    keep("b")  # noted by the new clock; what came first lies in the future
    assert ready(store) == [True]


def test_clocks_of_two_machines_may_differ_a_little(store: Store, keep: Keep, clock: Clock) -> None:
    keep("a")
    after(clock, -5)
    assert ready(store) == [False]


def test_a_complete_study_does_not_wait(store: Store, keep: Keep, make: Any, clock: Clock) -> None:
    assert keep("a", expected_images=3).revision is None
    refused = make.arrival("refused")
    store.files.take(refused, "w")
    assert store.files.reject(refused.id, make.rejected(refused, study_uid="1.2.3"), "x").revision is None
    kept = keep("b")  # says nothing of the number
    assert kept.revision == 1
    assert store.reports.owed() == ()
    assert kept.study_key is not None
    store.reports.record(kept.study_key, 1, "x", "f", at=START)
    assert keep("c").revision is None  # more than were announced: nobody knows how many
    assert ready(store) == [False]


def test_no_report_is_owed_of_a_study_of_which_nothing_is_graded(store: Store, make: Any) -> None:
    refused = make.arrival("refused")
    store.files.take(refused, "w")
    store.files.reject(refused.id, make.rejected(refused, study_uid="1.2.3"), "x")
    assert store.reports.owed() == ()


def test_images_are_numbered_as_they_were_taken_and_keep_their_numbers(store: Store, keep: Keep) -> None:
    noon = datetime(2026, 3, 1, 12)
    minute = timedelta(minutes=1)
    keep("third", acquired_at=noon + 2 * minute)
    keep("second", acquired_at=noon, content_at=noon + minute)
    keep("first", acquired_at=noon, content_at=noon, instance_number=2)
    keep("zeroth", acquired_at=noon, content_at=noon, instance_number=1)
    kept = keep("last")
    key = kept.study_key
    assert key is not None
    names = ["zeroth", "first", "second", "third", "last"]
    assert store.studies.content(key).numbered_images == ()
    store.reports.begin(key)
    assert numbers(store, key) == list(zip(range(1, 6), names, strict=True))
    keep("earlier", acquired_at=noon - minute)
    assert [image.number for image in store.studies.content(key).images] == [None, 1, 2, 3, 4, 5]
    assert numbers(store, key) == list(zip(range(1, 6), names, strict=True))  # a report in the making leaves it out
    store.reports.begin(key)
    assert numbers(store, key) == [(6, "earlier"), *zip(range(1, 6), names, strict=True)]


def numbers(store: Store, key: str) -> list[tuple[int, str]]:
    """The number and the content of each image, in the order in which they are shown."""
    contents = ("zeroth", "first", "second", "third", "last", "earlier")
    hashes = {hashlib.sha256(content.encode()).hexdigest(): content for content in contents}
    return [(number, hashes[image.sha256]) for number, image in store.studies.content(key).numbered_images]


def test_numbers_of_a_report_that_is_left_out_are_taken_back(store: Store, keep: Keep) -> None:
    key = keep("a", expected_images=1, acquired_at=datetime(2026, 3, 1, 12)).study_key
    assert key is not None
    store.reports.leave_unreported(key, 1)
    assert store.reports.owed() == ()
    assert [image.number for image in store.studies.content(key).images] == [None]
