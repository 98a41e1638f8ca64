"""Any verbs in any order: every file is in one state, and no bytes are graded twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from koa_worker.errors import WrongState
from koa_worker.store import State, Store
from koa_worker.values import Arrival, Failed

_MAX_TRIES = 2


class Verbs(RuleBasedStateMachine):
    """The rules; `expected` is the same matter in a few lines of plain Python."""

    make: ClassVar[Any]  # of conftest.py
    new_url: ClassVar[Callable[[], str]]
    files = Bundle("files")

    def __init__(self) -> None:
        super().__init__()
        self.now = datetime(2026, 6, 1, 12, tzinfo=UTC)
        self.store = Store.open(type(self).new_url(), clock=lambda: self.now)
        self.expected: dict[str, State] = {}
        self.content: dict[str, str] = {}
        self.parked: set[str] = set()
        self.results: dict[str, str] = {}  # content → the file that was settled with it

    def teardown(self) -> None:
        self.store.close()

    @rule(target=files, content=st.sampled_from("abc"))
    def arrive(self, content: str) -> Arrival:
        arrival: Arrival = self.make.arrival(content)
        ticket = self.store.files.add_arrival(arrival, self.now)
        original = self.results.get(content)
        assert ticket.is_duplicate_of == original
        self.expected[arrival.id] = State.DUPLICATE if original else State.WAITING
        self.content[arrival.id] = content
        assert ticket.state is self.expected[arrival.id]
        return arrival

    @rule(arrival=files)
    def arrive_again(self, arrival: Arrival) -> None:
        assert self.store.files.add_arrival(arrival, self.now).state is self.expected[arrival.id]

    @rule(minutes=st.integers(1, 10))
    def pass_time(self, minutes: int) -> None:
        self.now += timedelta(minutes=minutes)

    @rule(arrival=files, worker=st.sampled_from(["one", "two"]), take_over=st.booleans())
    def start(self, arrival: Arrival, worker: str, *, take_over: bool) -> None:
        before = self.store.files.find(arrival.id)
        assert before is not None
        due = before.next_try_at is not None and before.next_try_at <= self.now
        free = before.state is State.WAITING or due
        held = before.state is State.WORKING and (take_over or before.worker == worker)
        assert self.store.files.start(arrival.id, worker, take_over=take_over) == (free or held)
        if free or held:
            self.expected[arrival.id] = State.WORKING

    @rule(arrival=files, kl=st.integers(0, 4), digest=st.sampled_from(["d1", "d2"]))
    def complete(self, arrival: Arrival, kl: int, digest: str) -> None:
        outcome = self.make.completed(arrival, self.make.knee(kl))
        before = self.expected[arrival.id]
        allowed = before in (State.WORKING, State.COMPLETED, State.DUPLICATE)
        done = self._try(
            lambda: self.store.files.complete(arrival.id, outcome, digest, "1.0", "done/x"), allowed=allowed
        )
        if done and before is not State.DUPLICATE:  # whose image has another source: its grades are ignored
            self._settle(arrival, State.COMPLETED, regrade=before is State.COMPLETED)

    @rule(arrival=files)
    def reject(self, arrival: Arrival) -> None:
        again = self.expected[arrival.id] is State.REJECTED
        allowed = again or self.expected[arrival.id] is State.WORKING
        done = self._try(lambda: self.store.files.reject(arrival.id, self.make.rejected(arrival), "x"), allowed=allowed)
        if done and not again:
            self._settle(arrival, State.REJECTED, regrade=False)

    @rule(arrival=files)
    def fail(self, arrival: Arrival) -> None:
        before = self.store.files.find(arrival.id)
        allowed = self.expected[arrival.id] is State.WORKING
        outcome = Failed(arrival, "io", "")
        if self._try(
            lambda: self.store.files.fail(arrival.id, outcome, max_tries=_MAX_TRIES, now=self.now), allowed=allowed
        ):
            self.expected[arrival.id] = State.FAILED
            assert before is not None
            if before.tries + 1 >= _MAX_TRIES:
                self.parked.add(arrival.id)

    @precondition(lambda self: self.parked)
    @rule()
    def retry(self) -> None:
        assert self.store.files.retry() == len(self.parked)
        self.expected.update(dict.fromkeys(self.parked, State.WAITING))
        self.parked.clear()

    @invariant()
    def every_file_is_where_it_should_be(self) -> None:
        counts = self.store.counts.status().counts
        assert {state: count for state, count in counts.items() if count} == Counter(self.expected.values())
        for file_id, state in self.expected.items():
            record = self.store.files.find(file_id)
            assert record is not None
            assert record.state is state
            assert record.parked == (file_id in self.parked)
            assert (record.worker is not None) == (state is State.WORKING)

    @invariant()
    def every_bytes_have_one_result(self) -> None:
        graded = [row.image["sha256"] for row in self.store.export.rows()]
        assert len(graded) == len(set(graded))
        assert len(graded) == sum(state is State.COMPLETED for state in self.expected.values())

    def _settle(self, arrival: Arrival, state: State, *, regrade: bool) -> None:
        content = self.content[arrival.id]
        twin = self.results.get(content)
        if twin is not None and not regrade:
            state = State.DUPLICATE
        self.results.setdefault(content, arrival.id)
        self.expected[arrival.id] = state

    def _try(self, verb: Callable[[], object], *, allowed: bool) -> bool:
        if allowed:
            verb()
            return True
        with pytest.raises(WrongState):
            verb()
        return False


def test_any_order(make: Any, new_url: Callable[[], str]) -> None:
    Verbs.make, Verbs.new_url = make, staticmethod(new_url)
    run_state_machine_as_test(
        Verbs,
        settings=settings(
            max_examples=15, stateful_step_count=20, deadline=None, suppress_health_check=[HealthCheck.too_slow]
        ),
    )
