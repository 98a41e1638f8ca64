"""The states of a file: arrival, start, and each final state, also after a crash in between."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from koa_worker.errors import UnknownRecord, WrongState
from koa_worker.store import Settled, State, Store
from koa_worker.store.lifecycle import steps as lifecycle
from koa_worker.values import Failed

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)


def begin(store: Store, make: Any, content: str = "a") -> Any:
    arrival = make.arrival(content)
    store.files.add_arrival(arrival, NOW)
    assert store.files.start(arrival.id, "w")
    return arrival


def kinds(store: Store, file_id: str) -> list[str]:
    return [event.kind for event in store.files.events(file_id)]


def test_an_arrival_waits_and_is_known_by_its_id(store: Store, make: Any) -> None:
    arrival = make.arrival("a")
    ticket = store.files.add_arrival(arrival, NOW)
    assert (ticket.id, ticket.state, ticket.is_duplicate_of) == (arrival.id, State.WAITING, None)
    record = store.files.find(arrival.id)
    assert record is not None
    assert (record.sha256, record.size, record.name, record.arrived_at) == (arrival.sha256, 1, arrival.name, NOW)
    assert arrival.name not in repr(record)
    assert store.files.find("unheard of") is None


def test_the_same_arrival_after_a_crash_is_taken_as_it_stands(store: Store, make: Any) -> None:
    arrival = begin(store, make)
    assert store.files.add_arrival(arrival, NOW).state is State.WORKING
    assert kinds(store, arrival.id) == ["arrived", "started"]


def test_one_worker_has_a_file_at_a_time(store: Store, make: Any) -> None:
    arrival = begin(store, make)
    assert not store.files.start(arrival.id, "another")
    assert store.files.start(arrival.id, "w")  # its own, again
    assert store.files.start(arrival.id, "another", take_over=True)
    left = store.files.find(arrival.id)
    assert left is not None
    assert (left.worker, left.starts, left.tries) == ("another", 3, 0)
    assert kinds(store, arrival.id) == ["arrived", "started", "taken_up", "taken_up"]


def test_a_settled_file_is_not_started(store: Store, make: Any) -> None:
    arrival = begin(store, make)
    store.files.reject(arrival.id, make.rejected(arrival), "rejected/x")
    assert not store.files.start(arrival.id, "w", take_over=True)


def test_a_reject_keeps_its_reason(store: Store, make: Any) -> None:
    arrival = begin(store, make)
    assert store.files.reject(arrival.id, make.rejected(arrival), "rejected/x").study_key is None
    record = store.files.find(arrival.id)
    assert record is not None
    assert (record.state, record.code, record.detail) == (State.REJECTED, "no_knee", "2 profiles")
    assert (record.filed_as, record.worker) == ("rejected/x", None)
    store.files.reject(arrival.id, make.rejected(arrival), "rejected/x")  # again, after a crash
    assert kinds(store, arrival.id) == ["arrived", "started", "rejected"]


@pytest.mark.parametrize("end", ["complete", "reject"])
def test_the_same_bytes_again_are_a_duplicate(store: Store, make: Any, end: str) -> None:
    first = begin(store, make)
    if end == "complete":
        store.files.complete(first.id, make.completed(first), "d1", "1.0", "done/x")
    else:
        store.files.reject(first.id, make.rejected(first), "rejected/x")
    ticket = store.files.add_arrival(make.arrival("a"), NOW)
    assert (ticket.state, ticket.is_duplicate_of) == (State.DUPLICATE, first.id)
    assert ticket.original_state is (State.COMPLETED if end == "complete" else State.REJECTED)
    assert not store.files.start(ticket.id, "w")
    store.files.record_filing(ticket.id, "done/y")
    store.files.record_filing(ticket.id, "done/y")
    assert kinds(store, ticket.id) == ["arrived", "duplicate", "filed"]


def test_a_newer_program_looks_again_at_what_an_older_one_rejected(
    store: Store, make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = begin(store, make)
    store.files.reject(first.id, make.rejected(first), "rejected/x")
    monkeypatch.setattr(lifecycle, "__version__", "99.0")
    assert store.files.add_arrival(make.arrival("a"), NOW).state is State.WAITING


def test_the_same_bytes_as_a_file_that_failed_get_their_own_chance(store: Store, make: Any) -> None:
    first = begin(store, make)
    store.files.fail(first.id, Failed(first, "io", ""), max_tries=1, now=NOW)
    assert store.files.add_arrival(make.arrival("a"), NOW).state is State.WAITING


@pytest.mark.parametrize("second_end", ["complete", "reject"])
def test_of_two_workers_with_the_same_bytes_the_first_result_counts(store: Store, make: Any, second_end: str) -> None:
    first, second = begin(store, make), begin(store, make)
    key = store.files.complete(first.id, make.completed(first), "d1", "1.0", "done/x").study_key
    assert key is not None
    if second_end == "complete":
        kept = store.files.complete(second.id, make.completed(second), "d1", "1.0", "done/y")
    else:
        kept = store.files.reject(second.id, make.rejected(second), "rejected/y")
    record = store.files.find(second.id)
    assert record is not None
    assert kept == Settled(record, None, None)  # its study has nothing new to report
    assert (record.state, record.duplicate_of) == (State.DUPLICATE, first.id)
    assert len(store.studies.content(key).images) == len(list(store.export.rows())) == 1


def test_failures_are_tried_again_with_growing_pauses_and_then_parked(store: Store, make: Any) -> None:
    arrival = begin(store, make)
    moment, pauses = NOW, []
    while True:
        failed = store.files.fail(arrival.id, Failed(arrival, "io", "disk"), max_tries=4, now=moment)
        if failed.next_try_at is None:
            break
        assert store.files.due_retries(failed.next_try_at - timedelta(seconds=1)) == ()
        assert [due.id for due in store.files.due_retries(failed.next_try_at)] == [arrival.id]
        pauses.append(failed.next_try_at - moment)
        moment = failed.next_try_at
        assert store.files.start(arrival.id, "w")
    assert pauses == [timedelta(minutes=1), timedelta(minutes=4), timedelta(minutes=16)]
    record = store.files.find(arrival.id)
    assert record is not None
    assert record.parked
    assert (record.tries, record.code) == (4, "io")
    assert store.files.due_retries(NOW + timedelta(days=365)) == ()


def test_the_pause_never_grows_beyond_hours() -> None:
    assert lifecycle.pause_after(50) == timedelta(hours=4)


def test_a_failed_file_is_not_started_before_its_time(store: Store, make: Any) -> None:
    arrival = begin(store, make)
    store.files.fail(arrival.id, Failed(arrival, "io", ""), max_tries=5, now=datetime.now(UTC))
    assert not store.files.start(arrival.id, "w")


def test_what_a_person_puts_back_is_taken_up_again(store: Store, make: Any) -> None:
    parked, pausing = begin(store, make, "parked"), begin(store, make, "pausing")
    store.files.fail(parked.id, Failed(parked, "internal", ""), max_tries=1, now=NOW)
    store.files.record_filing(parked.id, "failed/x")
    store.files.fail(pausing.id, Failed(pausing, "internal", ""), max_tries=2, now=NOW)
    assert store.files.retry() == 1
    (due,) = store.files.due_retries(NOW)
    assert (due.id, due.state, due.tries, due.filed_as) == (parked.id, State.WAITING, 0, "failed/x")
    assert store.files.retry([pausing.id]) == 1
    assert {due.id for due in store.files.due_retries(NOW)} == {parked.id, pausing.id}
    assert store.files.start(parked.id, "w")
    assert kinds(store, parked.id) == ["arrived", "started", "parked", "filed", "put_back", "started"]


def test_due_files_come_a_handful_at_a_time_and_oldest_first(store: Store, make: Any) -> None:
    ids = []
    for number in range(5):
        arrival = make.arrival(str(number))
        store.files.add_arrival(arrival, NOW - timedelta(minutes=number))
        store.files.start(arrival.id, "w")
        store.files.fail(arrival.id, Failed(arrival, "io", ""), max_tries=9, now=NOW)
        ids.append(arrival.id)
    assert [due.id for due in store.files.due_retries(NOW + timedelta(hours=1), limit=3)] == ids[:1:-1]


def test_a_file_that_was_not_started_cannot_end(store: Store, make: Any) -> None:
    arrival = make.arrival("a")
    store.files.add_arrival(arrival, NOW)
    for end in (
        lambda: store.files.complete(arrival.id, make.completed(arrival), "d1", "1.0", "x"),
        lambda: store.files.reject(arrival.id, make.rejected(arrival), "x"),
        lambda: store.files.fail(arrival.id, Failed(arrival, "io", ""), max_tries=2, now=NOW),
    ):
        with pytest.raises(WrongState, match="is waiting, not working") as fault:
            end()
        assert "database did not answer" not in str(fault.value)
    assert kinds(store, arrival.id) == ["arrived"]


def test_an_unknown_file_is_said_to_be_unknown(store: Store, make: Any) -> None:
    outcome = make.completed(make.arrival("a"))
    for verb in (
        lambda: store.files.start("unheard of", "w"),
        lambda: store.files.complete("unheard of", outcome, "d1", "1.0", "done/x"),
        lambda: store.files.record_filing("unheard of", "failed/x"),
        lambda: store.files.retry(["unheard of"]),
    ):
        with pytest.raises(UnknownRecord, match="unheard of") as fault:
            verb()
        assert "database did not answer" not in str(fault.value)


def test_with_one_unknown_file_no_other_is_put_back(store: Store, make: Any) -> None:
    arrival = begin(store, make)
    store.files.fail(arrival.id, Failed(arrival, "io", ""), max_tries=1, now=NOW)
    with pytest.raises(UnknownRecord):
        store.files.retry([arrival.id, "unheard of"])
    record = store.files.find(arrival.id)
    assert record is not None
    assert record.parked


def test_moments_come_back_in_utc_and_need_a_zone(store: Store, make: Any) -> None:
    arrival = make.arrival("a")
    store.files.add_arrival(arrival, datetime.fromisoformat("2026-06-01T14:00:00+02:00"))
    record = store.files.find(arrival.id)
    assert record is not None
    assert record.arrived_at.isoformat() == "2026-06-01T12:00:00+00:00"
    with pytest.raises(Exception, match="time zone"):
        store.files.add_arrival(make.arrival("b"), datetime(2026, 6, 1))
