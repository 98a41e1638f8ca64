"""What is kept of the counts is what the store would count now, after each of its changes."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from koa_worker.store import Store, encode
from koa_worker.store.page.assignments import Assignments
from koa_worker.store.page.worklist import Worklist
from koa_worker.store.page.worklist_values import Wanted
from koa_worker.store.records.belongings import ErasureReason, Whose
from koa_worker.values import Arrival, Failed, Rejected
from koa_worker.web.kept_counts import KeptCounts, UntilChanged
from tests.make import Clock
from tests.unit.web.conftest import Graded, completed


def _arrive(store: Store, clock: Clock, letter: str) -> Arrival:
    arrival = Arrival(Path("x"), letter * 64, 9, "x.dcm")
    store.files.add_arrival(arrival, clock())
    return arrival


def _fail(store: Store, clock: Clock, arrival: Arrival, *, max_tries: int) -> None:
    assert store.files.start(arrival.id, "w")
    store.files.fail(arrival.id, Failed(arrival, "io", ""), max_tries=max_tries, now=clock())


def test_the_kept_counts_are_those_of_now_after_every_change(store: Store, clock: Clock, graded: Graded) -> None:
    kept = KeptCounts()
    seen = []

    def is_exact() -> bool:
        stamp = store.entries.stamp()
        found = kept.of_files(store, stamp), kept.of_reader(store, stamp, "anna")
        seen.append(found)
        return found == (store.worklist.counts(), store.assignments.progress("anna"))

    assert is_exact()
    one, two, three = (_arrive(store, clock, letter) for letter in "123")
    assert is_exact()
    rows = store.worklist.page(Wanted(), may_see_patients=True).rows
    flagged = next(row for row in rows if row.needs_review)
    numbers: list[int] = []

    def read() -> None:
        for position in (0, 1):
            number = store.reader_grades.record(flagged.file_id, position, reader="anna", kl=1, comment="")
            numbers.append(number or 0)

    def erase() -> None:
        found = store.erasures.look(Whose(study=graded.key))
        assert store.erasures.intend(found, (), (), abandoned=(), reason=ErasureReason.FORGET, who="ada")
        store.erasures.erase_rows(ErasureReason.FORGET)
        store.erasures.finish(ErasureReason.FORGET, "ada")

    result = encode(completed(three, study_uid="1.9"))
    changes: tuple[Callable[[], object], ...] = (
        lambda: store.files.start(one.id, "w"),
        lambda: store.files.reject(one.id, Rejected(one, "no_knee", ""), "rejected/x"),
        lambda: _fail(store, clock, two, max_tries=2),
        lambda: store.files.retry([two.id]),
        lambda: _fail(store, clock, two, max_tries=1),
        lambda: store.files.retry([two.id]),
        lambda: store.files.start(three.id, "w"),
        lambda: store.files.complete(three.id, result, "d" * 64, "1.0", "done/y"),
        lambda: store.assignments.assign([graded.key], "anna", by="ada"),
        read,
        lambda: store.reader_grades.withdraw(numbers[0], reader="anna"),
        lambda: store.assignments.take_back([graded.key], "anna"),
        erase,
        lambda: setattr(clock, "now", clock() + timedelta(days=1)),
    )
    for number, change in enumerate(changes):
        change()
        assert is_exact(), number
    assert len({repr(found) for found in seen}) > len(changes) / 2


def test_nothing_is_counted_again_until_something_changes(
    store: Store, clock: Clock, graded: Graded, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    counts, progress = Worklist.counts, Assignments.progress
    monkeypatch.setattr(Worklist, "counts", lambda part: asked.append("files") or counts(part))
    monkeypatch.setattr(Assignments, "progress", lambda part, name: asked.append(name) or progress(part, name))
    kept = KeptCounts()
    for _ in range(3):
        stamp = store.entries.stamp()
        kept.of_files(store, stamp)
        for reader in ("anna", "boris"):
            kept.of_reader(store, stamp, reader)
    assert asked == ["files", "anna", "boris"]
    _arrive(store, clock, "1")
    kept.of_files(store, store.entries.stamp())
    assert asked == ["files", "anna", "boris", "files"]


def test_of_many_requests_at_once_one_counts() -> None:
    kept, asked, begun = UntilChanged[int](), [], threading.Event()

    def count() -> int:
        asked.append(1)
        begun.wait(5)
        return 7

    found: list[int] = []
    threads = [threading.Thread(target=lambda: found.append(kept.of("now", count))) for _ in range(4)]
    for thread in threads:
        thread.start()
    begun.set()
    for thread in threads:
        thread.join(5)
    assert (found, len(asked)) == ([7] * 4, 1)


def test_the_number_of_what_is_kept_is_limited() -> None:
    kept = UntilChanged[int]()
    for number in range(1_000):
        assert kept.of("now", lambda number=number: number, str(number)) == number  # type: ignore[misc]
    assert len(kept._found) <= 100
