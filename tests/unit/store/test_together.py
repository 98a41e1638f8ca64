"""Several processes on one store: each job is done once, a locked database delays, a crash leaves all or nothing."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from koa_worker.errors import WorkFailed
from koa_worker.store import State, Store
from koa_worker.values import Failed

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)

# Answers each line of orders with a line of JSON.
_WORKER = """
import json, sys
from koa_worker.store import Store
print("ready", flush=True)
name, url = sys.argv[1:]
for order in sys.stdin:
    verb, *words = order.split()
    if verb == "open":
        store = Store.open(url)
        answer = sum(store.counts.status().counts.values())
    elif verb == "start":
        answer = [file_id for file_id in words if store.files.start(file_id, name)]
    elif verb == "number":
        answer = [store.reports.begin(words[0]) for _ in range(15)]
    print(json.dumps(answer), flush=True)
store.close()
"""


@contextmanager
def _pair(url: str) -> Iterator[Callable[[str], list[Any]]]:
    """Two processes; what is given back gives both the same order at the same time."""
    program = [sys.executable, "-c", _WORKER]
    with (
        subprocess.Popen([*program, "one", url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as one,
        subprocess.Popen([*program, "two", url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as two,
    ):

        def answers() -> list[str]:
            return [worker.stdout.readline() for worker in (one, two) if worker.stdout is not None]

        def order(words: str) -> list[Any]:
            for worker in (one, two):
                assert worker.stdin is not None
                worker.stdin.write(f"{words}\n")
                worker.stdin.flush()
            return list(map(json.loads, answers()))

        assert answers() == ["ready\n", "ready\n"]
        yield order


def test_two_processes_share_a_store(url: str, make: Any) -> None:
    with _pair(url) as order:
        assert order("open") == [0, 0]  # both create it
        store = Store.open(url)
        arrivals = [make.arrival(str(number)) for number in range(60)]
        for arrival in arrivals:
            store.files.add_arrival(arrival, NOW)
        one, two = order(f"start {' '.join(arrival.id for arrival in arrivals)}")
        assert sorted(one + two) == sorted(arrival.id for arrival in arrivals)
        found = [store.files.find(arrival.id) for arrival in arrivals]
        had = {record.id: record.worker for record in found if record is not None}
        assert had == {**dict.fromkeys(one, "one"), **dict.fromkeys(two, "two")}

        key = store.files.complete(arrivals[0].id, make.completed(arrivals[0]), "d1", "1.0", "x").study_key
        one, two = order(f"number {key}")
        assert sorted(one + two) == list(range(2, 32))  # the first was taken with the result
        store.close()


def test_threads_meet_in_one_study_without_losing_an_image(url: str, store: Store, make: Any) -> None:
    faults: list[BaseException] = []

    def labour(first: int) -> None:
        try:
            for number in range(first, first + 5):
                arrival = arrivals[number]
                store.files.add_arrival(arrival, NOW)
                store.files.start(arrival.id, f"w{first}")
                keys.add(store.files.complete(arrival.id, outcomes[number], "d1", "1.0", "x").study_key)
        except WorkFailed as fault:
            faults.append(fault)

    arrivals = [make.arrival(str(number)) for number in range(20)]
    outcomes = [make.completed(arrival) for arrival in arrivals]
    keys: set[str | None] = set()
    workers = [threading.Thread(target=labour, args=(first,)) for first in range(0, 20, 5)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert faults == []
    (key,) = keys
    assert key is not None
    assert len(store.studies.content(key).images) == 20


@contextmanager
def _locked(path: Path) -> Iterator[sqlite3.Connection]:
    """As a backup or another program would hold it."""
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN EXCLUSIVE")
    yield other
    other.close()


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/koa.sqlite3"


def test_a_locked_database_is_waited_for(sqlite_url: str, tmp_path: Path, make: Any) -> None:
    with Store.open(sqlite_url) as store, _locked(tmp_path / "koa.sqlite3") as other:
        threading.Timer(1.0, lambda: other.execute("ROLLBACK")).start()
        begun = time.monotonic()
        ticket = store.files.add_arrival(make.arrival("a"), NOW)
        assert time.monotonic() - begun > 0.8
        assert ticket.state is State.WAITING


def test_a_database_locked_for_too_long_is_our_fault_and_tells_nothing(
    sqlite_url: str, tmp_path: Path, make: Any
) -> None:
    with Store.open(sqlite_url, patience=0.2) as store:
        with _locked(tmp_path / "koa.sqlite3"), pytest.raises(WorkFailed) as fault:
            store.files.add_arrival(make.arrival("a"), NOW)
        assert (fault.value.code, fault.value.detail) == ("store", "OperationalError")
        assert store.files.add_arrival(make.arrival("a"), NOW).state is State.WAITING  # and goes on


def test_the_status_answers_while_another_writes(sqlite_url: str, tmp_path: Path, make: Any) -> None:
    with Store.open(sqlite_url) as store:
        store.files.add_arrival(make.arrival("a"), NOW)
        other = sqlite3.connect(tmp_path / "koa.sqlite3", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        other.execute("UPDATE files SET size = 9")
        begun = time.monotonic()
        assert store.counts.status().counts[State.WAITING] == 1
        assert time.monotonic() - begun < 5
        other.close()


_WRITE_FOREVER = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from koa_worker.store import Store
from koa_worker.values import Arrival, Rejected
with Store.open(sys.argv[1]) as store:
    for number in range(100_000):
        arrival = Arrival(Path("x"), f"{number:064}", 1, "x")
        store.files.add_arrival(arrival, datetime.now(UTC))
        store.files.start(arrival.id, "w")
        store.files.reject(arrival.id, Rejected(arrival, "blank", ""), "x")
        print(arrival.id, flush=True)
"""


def test_what_was_said_to_be_kept_outlives_a_kill(sqlite_url: str) -> None:
    Store.open(sqlite_url).close()
    worker = subprocess.Popen([sys.executable, "-c", _WRITE_FOREVER, sqlite_url], stdout=subprocess.PIPE, text=True)
    assert worker.stdout is not None
    said = [worker.stdout.readline().strip() for _ in range(10)]
    worker.send_signal(signal.SIGKILL)
    said += worker.stdout.read().split()
    worker.wait(timeout=60)
    worker.stdout.close()
    with Store.open(sqlite_url) as store:
        for file_id in said:
            record = store.files.find(file_id)
            assert record is not None
            assert record.state is State.REJECTED
            assert [event.kind for event in store.files.events(file_id)] == ["arrived", "started", "rejected"]
        assert store.counts.status().counts[State.WORKING] <= 1
        assert sum(store.counts.status().counts.values()) - len(said) <= 1


def test_a_verb_that_fails_leaves_nothing(store: Store, make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    arrival = make.arrival("a")
    store.files.add_arrival(arrival, NOW)
    store.files.start(arrival.id, "w")
    outcome = make.completed(arrival)
    monkeypatch.setattr("koa_worker.store.lifecycle.results._keep_timings", _break)
    with pytest.raises(RuntimeError):
        store.files.complete(arrival.id, outcome, "d1", "1.0", "x")
    monkeypatch.undo()
    assert [event.kind for event in store.files.events(arrival.id)] == ["arrived", "started"]
    assert store.reports.due() == ()
    store.files.fail(arrival.id, Failed(arrival, "internal", "RuntimeError"), max_tries=3, now=NOW)


def _break(*_: object, **__: object) -> None:
    raise RuntimeError
