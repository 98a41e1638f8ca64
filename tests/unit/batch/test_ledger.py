"""Finished entries are not repeated, changed and failed ones are, and no two runs share a ledger."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from koa_worker.batch import ledger as ledgers
from koa_worker.batch.entries import Ending, Entry, Finding
from koa_worker.batch.ledger import Ledger
from koa_worker.errors import SetupError

TRIES = 2


def entries(*names: str, stamp: str = "1") -> list[Entry]:
    return [Entry(f"/{name}", 1, stamp) for name in names]


def found(number: int, ending: Ending = "completed", word: str = "") -> Finding:
    return Finding(number, ending, ({"source": number, "word": word},))


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger.open(tmp_path) as opened:
        yield opened


def names(taken: list[tuple[int, Entry]]) -> list[str]:
    return [entry.place[1:] for _, entry in taken]


def do_all(ledger: Ledger, ending: Ending = "completed") -> list[str]:
    done = []
    while taken := ledger.take(2):
        for number, entry in taken:
            ledger.record(found(number, ending), TRIES)
            done.append(entry.place[1:])
    return done


def test_entries_are_taken_in_the_order_of_their_places_each_once(ledger: Ledger) -> None:
    ledger.compare(entries("c", "a", "b", "a"))
    assert names(ledger.take(2)) == ["a", "b"]
    assert names(ledger.take(2)) == ["c"]
    assert ledger.take(2) == []


def test_what_was_taken_and_not_recorded_is_taken_again_by_the_next_run(tmp_path: Path) -> None:
    with Ledger.open(tmp_path) as first:
        first.compare(entries("a", "b", "c"))
        first.take(2)
        first.record(found(1), TRIES)
    with Ledger.open(tmp_path) as second:
        second.compare(entries("a", "b", "c"))
        assert do_all(second) == ["a", "c"]


def test_what_changed_is_done_again_and_what_is_new_too(ledger: Ledger) -> None:
    ledger.compare(entries("a", "b"))
    do_all(ledger)
    ledger.compare([*entries("a", stamp="2"), *entries("b", "0")])
    assert do_all(ledger) == ["a", "0"]
    assert ledger.counts() == {"completed": 3}


def test_what_the_source_lost_is_not_done_but_its_result_stays(ledger: Ledger) -> None:
    ledger.compare(entries("a", "b", "c"))
    ledger.record(found(0), TRIES)
    ledger.compare(entries("c"))
    assert do_all(ledger) == ["c"]
    assert [row["source"] for row in ledger.rows_of(0)] == [0, 2]
    assert ledger.complete_parts() == [0]


def test_what_failed_is_tried_once_more_at_the_end_and_again_by_the_next_run(ledger: Ledger) -> None:
    ledger.compare(entries("a", "b"))
    ((number, _),) = ledger.take(1)
    assert not ledger.record(found(number, "failed"), TRIES)
    assert names(ledger.take(5)) == ["b", "a"]
    assert ledger.record(found(number, "failed"), TRIES)
    ledger.record(found(1), TRIES)
    assert ledger.take(5) == []
    assert ledger.counts() == {"completed": 1, "failed": 1}
    ledger.compare(entries("a", "b"))
    assert do_all(ledger) == ["a"]


def test_what_fails_after_others_were_tried_again_is_tried_again_too(ledger: Ledger) -> None:
    """With several worker processes a slow file may fail when the second tries have long begun."""
    ledger.compare(entries("a", "b", "c"))
    (first, _), (second, _), (third, _) = ledger.take(3)
    ledger.record(found(third, "failed"), TRIES)
    assert names(ledger.take(1)) == ["c"]
    ledger.record(found(second, "failed"), TRIES)
    ledger.record(found(first, "failed"), TRIES)
    assert names(ledger.take(1)) == ["b"]
    assert names(ledger.take(5)) == ["a"]
    assert ledger.take(5) == []
    assert all(ledger.record(found(number), TRIES) for number in (first, second, third))
    assert ledger.counts() == {"completed": 3}


def test_a_part_is_complete_when_all_of_its_entries_are(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledgers, "FILES_IN_PART", 2)
    ledger.compare(entries("a", "b", "c"))
    ledger.record(found(0), TRIES)
    assert ledger.complete_parts() == []
    ledger.record(found(2), TRIES)
    assert ledger.complete_parts() == [1]
    ledger.record(found(1), TRIES)
    assert ledger.complete_parts() == [0, 1]
    ledger.written(0)
    assert ledger.complete_parts() == [1]
    assert list(ledger.parts()) == [0, 1]


def test_a_second_run_on_the_same_folder_is_refused(ledger: Ledger, tmp_path: Path) -> None:
    ledger.compare(entries("a"))
    with pytest.raises(SetupError, match="Another run"):
        Ledger.open(tmp_path)


def test_results_of_another_grader_are_refused(ledger: Ledger) -> None:
    ledger.belongs_to("one")
    ledger.belongs_to("one")
    with pytest.raises(SetupError, match="another model"):
        ledger.belongs_to("other")


def test_a_ledger_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "ledger.sqlite3").write_bytes(b"something else " * 100)
    with pytest.raises(SetupError, match="results folder"):
        Ledger.open(tmp_path)


def test_numbers_come_back_bit_for_bit(ledger: Ledger) -> None:
    ledger.compare(entries("a"))
    row = {"p0": 0.1 + 0.2, "p1": 5e-324, "p2": 1 / 3, "detail": "ü\ud7ff"}
    ledger.record(Finding(0, "completed", (row,)), TRIES)
    assert ledger.rows_of(0) == [row]


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 40))
def test_however_often_it_is_stopped_each_entry_is_recorded_once_and_the_table_is_the_same(
    tmp_path_factory: pytest.TempPathFactory, seed: int, count: int
) -> None:
    chance = random.Random(seed)
    folder = tmp_path_factory.mktemp("ledger")
    listed = entries(*(f"{number:03}" for number in range(count)))
    recorded: list[int] = []
    left = True
    while left:
        with Ledger.open(folder) as ledger:
            ledger.compare(chance.sample(listed, count))
            in_hand = [number for number, _ in ledger.take(chance.randint(1, 9))]
            for number in chance.sample(in_hand, chance.randint(min(1, len(in_hand)), len(in_hand))):
                ledger.record(found(number), TRIES)
                recorded.append(number)
            left = bool(ledger.counts().get(""))
            if not left:
                assert [row["source"] for row in ledger.rows_of(0)] == list(range(count))
    assert sorted(recorded) == list(range(count))
