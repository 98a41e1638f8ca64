"""The worklist by study: each study once and whole, wherever a page begins, and the way from one to the next."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest

from koa_worker.store import Cursor, EntryPage, Read, State, Store, Wanted
from koa_worker.store.page import worklist_entries
from koa_worker.values import Side

Take = Callable[..., tuple[str, str]]


@pytest.fixture
def mixed(store: Store, make: Any, grade: Take) -> Store:
    """Seven studies whose two knees came in films of their own, in any order, and two with both in one film."""
    films = [(number, side) for number in range(7) for side in (Side.LEFT, Side.RIGHT)]
    random.Random(5).shuffle(films)
    for number, side in films:
        kl = (number + (side is Side.LEFT)) % 4
        grade(f"{number}{side.value}", make.knee(kl, side=side), study_uid=f"1.2.{number}")
    for number in (8, 9):
        grade(f"{number}", *(make.knee(1, side=side) for side in (Side.LEFT, Side.RIGHT)), study_uid=f"1.2.{number}")
    return store


def _turn(store: Store, wanted: Wanted, limit: int) -> list[str]:
    keys: list[str] = []
    cursor: Cursor | None = None
    while True:
        page: EntryPage = store.entries.page(wanted, cursor, limit, may_see_patients=True)
        keys += [entry.rows[0].study_key or "" for entry in page.entries]
        if page.next is None:
            return keys
        cursor = Cursor.parse(str(page.next))


ASKED = (
    Wanted(),
    Wanted(review_first=True),
    Wanted(grades=frozenset({1, 3})),
    Wanted(grades=frozenset({1}), review=True),
    Wanted(sides=frozenset({Side.LEFT}), review_first=True),
    Wanted(read=Read.UNREAD, reader="anna"),
    Wanted(read=Read.DONE, reader="anna"),
    Wanted(text="knees"),
    Wanted(text="knees", review_first=True, grades=frozenset({1, 2})),
)


def test_pages_of_any_length_show_each_study_once_and_the_way_between_them(
    mixed: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worklist_entries, "_FEWEST", 1)
    for row in mixed.worklist.page(Wanted(), limit=3).rows:
        assert mixed.reader_grades.record(row.file_id, 0, reader="anna", kl=1, comment="")
    for wanted in ASKED:
        whole = _turn(mixed, wanted, 100)
        assert len(set(whole)) == len(whole) > 0, wanted
        matching = {row.study_key for row in mixed.worklist.page(wanted, limit=100, may_see_patients=True).rows}
        assert set(whole) == matching, wanted
        for limit in (1, 2, 3):
            assert _turn(mixed, wanted, limit) == whole, (wanted, limit)
        if wanted.grades or wanted.sides or wanted.read:
            continue  # a study may stand lower there than by itself
        for at, key in enumerate(whole):
            around = mixed.entries.around(wanted, key, may_see_patients=True)
            assert around.before == (whole[at - 1] if at else None), wanted
            assert around.after == (whole[at + 1] if at + 1 < len(whole) else None), wanted


def test_an_entry_has_all_knees_of_its_study_also_those_that_the_filters_do_not_ask_for(mixed: Store) -> None:
    for entry in mixed.entries.page(Wanted(grades=frozenset({0}))).entries:
        assert [row.side for row in entry.rows] == [Side.RIGHT, Side.LEFT]
        assert 0 in {row.kl for row in entry.rows}


def test_a_file_without_a_knee_has_an_entry_of_its_own(mixed: Store, make: Any, clock: Any) -> None:
    arrival = make.arrival("w")
    mixed.files.add_arrival(arrival, clock())
    (entry,) = mixed.entries.page(Wanted(states=frozenset({State.WAITING}))).entries
    assert (entry.is_study, entry.rows[0].file_id, dict(entry.readers)) == (False, arrival.id, {})


def test_the_next_unread_study_comes_after_this_one_and_at_the_end_from_the_top(mixed: Store) -> None:
    order = _turn(mixed, Wanted(), 100)
    assert mixed.entries.next_unread(Wanted(), "", "anna") == order[0]
    assert mixed.entries.next_unread(Wanted(), order[2], "anna") == order[3]
    assert mixed.entries.next_unread(Wanted(), order[-1], "anna") == order[0]
    for key in order[1:]:
        for file_id, position in mixed.reader_grades.left_to_read(key, "anna"):
            assert mixed.reader_grades.record(file_id, position, reader="anna", kl=1, comment="")
    assert mixed.entries.next_unread(Wanted(), order[4], "anna") == order[0]
    assert mixed.entries.next_unread(Wanted(), order[0], "anna") is None
    assert mixed.entries.next_unread(Wanted(), order[0], "boris") == order[1]


def test_the_stamp_changes_with_files_and_readings(mixed: Store, make: Any, clock: Any) -> None:
    seen = [mixed.entries.stamp()]

    def has_changed() -> bool:
        seen.append(mixed.entries.stamp())
        return seen[-1] not in seen[:-1]

    assert not has_changed()
    mixed.files.add_arrival(make.arrival("new"), clock())
    assert has_changed()
    row = mixed.worklist.page(Wanted(states=frozenset({State.COMPLETED}))).rows[0]
    number = mixed.reader_grades.record(row.file_id, 0, reader="anna", kl=1, comment="")
    assert number
    assert has_changed()
    assert mixed.reader_grades.withdraw(number, reader="boris") is None
    assert not has_changed()
    assert mixed.reader_grades.withdraw(number, reader="anna")
    assert has_changed()
