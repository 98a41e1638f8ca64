"""The worklist by study: each study once and whole, wherever a page begins, and the way from one to the next."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from koa_worker.store import State, Store
from koa_worker.store.database.schema import AssignmentRow, FileRow, IndexLine, ReaderGradeRow
from koa_worker.store.page import worklist_entries, worklist_few
from koa_worker.store.page.worklist_values import Assigned, Cursor, EntryPage, Read, Sort, Wanted
from koa_worker.values import Patient, Side

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
    Wanted(sort=Sort.REVIEW),
    Wanted(grades=frozenset({1, 3})),
    Wanted(grades=frozenset({1}), review=True),
    Wanted(sides=frozenset({Side.LEFT}), sort=Sort.REVIEW),
    Wanted(read=Read.UNREAD, reader="anna"),
    Wanted(read=Read.DONE, reader="anna"),
    Wanted(text="knees"),
    Wanted(text="knees", sort=Sort.REVIEW, grades=frozenset({1, 2})),
    *(Wanted(sort=sort, backwards=backwards) for sort in Sort for backwards in (False, True)),
    *(Wanted(sort=sort, sides=frozenset({Side.RIGHT}), grades=frozenset({1, 2})) for sort in (Sort.PATIENT, Sort.LEFT)),
    Wanted(sort=Sort.RIGHT, sides=frozenset({Side.RIGHT}), grades=frozenset({1, 2}), backwards=True),
    Wanted(text="knees", sort=Sort.PATIENT, backwards=True),
    Wanted(sort=Sort.LEFT, assigned=Assigned.READER, assignee="anna"),
    Wanted(sort=Sort.READ, backwards=True, assigned=Assigned.NOBODY),
)


@pytest.mark.parametrize("few", [0, 1000], ids=["walked", "sorted"])
def test_pages_of_any_length_show_each_study_once_and_the_way_between_them(
    mixed: Store, monkeypatch: pytest.MonkeyPatch, few: int
) -> None:
    monkeypatch.setattr(worklist_entries, "_FEWEST", 1)
    for row in mixed.worklist.page(Wanted(), limit=3).rows:
        assert mixed.reader_grades.record(row.file_id, 0, reader="anna", kl=1, comment="")
    taken = [entry.rows[0].study_key or "" for entry in mixed.entries.page(Wanted(), limit=4).entries]
    assert mixed.assignments.assign(taken, "anna", by="ada") == 4
    monkeypatch.setattr(worklist_few, "FEW", few)
    monkeypatch.setattr(worklist_few, "FEW_OF_READER", few)
    for wanted in ASKED:
        whole = _turn(mixed, wanted, 100)
        assert len(set(whole)) == len(whole) > 0, wanted
        matching = {row.study_key for row in mixed.worklist.page(wanted, limit=100, may_see_patients=True).rows}
        assert set(whole) == matching, wanted
        for limit in (1, 3):
            assert _turn(mixed, wanted, limit) == whole, (wanted, limit)
        if wanted.grades or wanted.sides or wanted.read or wanted.assigned:
            continue  # a study may stand lower there than by itself
        for at, key in enumerate(whole):
            around = mixed.entries.around(wanted, key, may_see_patients=True)
            assert around.before == (whole[at - 1] if at else None), wanted
            assert around.after == (whole[at + 1] if at + 1 < len(whole) else None), wanted


def _plainly(store: Store, wanted: Wanted) -> list[str]:
    """The list by plain Python: the study of each entry, or the file of one without a graded knee."""
    with Session(store.sessions.reading) as session:
        readings = session.scalars(select(ReaderGradeRow).where(ReaderGradeRow.withdrawn_at.is_(None))).all()
        given = session.scalars(select(AssignmentRow).where(AssignmentRow.ended_at.is_(None))).all()
        every = session.execute(select(IndexLine, FileRow.study_key).join(FileRow, FileRow.id == IndexLine.file_id))
        lines = [(line, study if line.knee_id is not None else None) for line, study in every]
    read_by = {
        knee: {one.reader for one in readings if one.knee_id == knee} for knee in {one.knee_id for one in readings}
    }
    to = {study: {one.reader for one in given if one.study_key == study} for study in {one.study_key for one in given}}

    def passes(line: IndexLine, study: str | None) -> bool:
        by = read_by.get(line.knee_id or 0, set())
        asks = (
            not wanted.states or line.state in wanted.states,
            not wanted.grades or line.kl in wanted.grades,
            not wanted.sides or (study is not None and line.side in wanted.sides),
            wanted.review is None or (study is not None and line.needs_review is wanted.review),
            wanted.since is None or line.arrived_at >= wanted.since,
            wanted.until is None or line.arrived_at < wanted.until,
            wanted.read is not Read.DONE or wanted.reader in by,
            wanted.read is not Read.UNREAD or (study is not None and wanted.reader not in by),
            wanted.read is not Read.NOBODY or (study is not None and not by),
            wanted.assigned is not Assigned.READER or wanted.assignee in to.get(study or "", ()),
            wanted.assigned is not Assigned.NOBODY or (study is not None and study not in to),
        )
        return line.stands and all(asks)

    is_review = wanted.sort is Sort.REVIEW
    highest: dict[str, IndexLine] = {}
    lowest_first = sorted(lines, key=lambda one: (one[0].needs_review and is_review, one[0].arrived_at, one[0].id))
    highest |= {study or line.file_id: line for line, study in lowest_first if passes(line, study)}

    def value(line: IndexLine) -> Any:
        return {
            Sort.ARRIVED: line.arrived_at,
            Sort.PATIENT: line.patient or None,
            Sort.EXAMINED: line.examined,
            Sort.RIGHT: line.right_kl,
            Sort.LEFT: line.left_kl,
            Sort.READ: line.readers,
            Sort.REVIEW: line.needs_review,
        }[wanted.sort]

    names = sorted(highest, key=lambda name: (highest[name].arrived_at, highest[name].id), reverse=True)
    if wanted.sort in {Sort.ARRIVED, Sort.PATIENT, Sort.EXAMINED} and wanted.backwards is (
        wanted.sort is not Sort.PATIENT
    ):
        names.reverse()  # from the earliest up, or from A to Z
    some = [name for name in names if value(highest[name]) is not None]
    falls = (wanted.sort in {Sort.PATIENT, Sort.READ}) is wanted.backwards
    some.sort(key=lambda name: value(highest[name]), reverse=falls)
    return [*some, *(name for name in names if value(highest[name]) is None)]


@pytest.mark.parametrize("few", [0, 1000], ids=["walked", "sorted"])
def test_any_list_is_that_of_plain_python(
    mixed: Store, make: Any, clock: Any, monkeypatch: pytest.MonkeyPatch, few: int
) -> None:
    monkeypatch.setattr(worklist_few, "FEW", few)
    monkeypatch.setattr(worklist_few, "FEW_OF_READER", few)
    for number in range(3):
        mixed.files.add_arrival(make.arrival(f"waits{number}"), clock())
    chance = random.Random(8)
    rows = mixed.worklist.page(Wanted(states=frozenset({State.COMPLETED})), limit=100).rows
    for row in chance.sample(rows, 9):
        reader = chance.choice(("anna", "boris"))
        number = mixed.reader_grades.record(row.file_id, 0, reader=reader, kl=1, comment="")
        assert number
        if chance.random() < 0.3:
            assert mixed.reader_grades.withdraw(number, reader=reader)
    keys = sorted({row.study_key or "" for row in rows})
    for reader in ("anna", "boris"):
        assert mixed.assignments.assign(chance.sample(keys, 4), reader, by="ada") == 4
    mixed.assignments.take_back(keys[:2])
    times = [row.arrived_at for row in rows]
    seen = 0
    for _ in range(120):
        wanted = Wanted(
            states=frozenset(chance.sample(list(State), chance.choice((0, 0, 2)))),
            grades=frozenset(chance.sample(range(5), chance.choice((0, 0, 2)))),
            sides=frozenset(chance.sample(list(Side), chance.choice((0, 0, 1)))),
            review=chance.choice((None, None, True, False)),
            since=chance.choice((None, None, chance.choice(times))),
            until=chance.choice((None, None, max(times) + timedelta(seconds=1))),
            sort=chance.choice(list(Sort)),
            backwards=chance.random() < 0.5,
            read=chance.choice((None, None, *Read)),
            reader="anna",
            assigned=chance.choice((None, None, *Assigned)),
            assignee="boris",
        )
        shown = [
            (row.study_key or "") if row.kl is not None else row.file_id
            for entry in mixed.entries.page(wanted, limit=100).entries
            for row in entry.rows[:1]
        ]
        assert shown == _plainly(mixed, wanted), wanted
        seen += len(shown)
    assert seen > 200


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


def test_each_column_sorts_the_studies_and_what_is_empty_comes_last(store: Store, make: Any, grade: Take) -> None:
    films = {"Müller": (3, 1, 5), "adler": (1, 4, 7), "Zorn": (4, 0, 6)}
    keys: dict[str, str] = {}
    for number, (name, (right, left, day)) in enumerate(films.items()):
        knees = (make.knee(right, side=Side.RIGHT), make.knee(left, side=Side.LEFT))
        who = {"patient": Patient(name=name, id=f"P{number}"), "taken": datetime(2020, 1, day)}
        _, key = grade(f"{number}", *knees, study_uid=f"1.2.{number}", **who)
        keys[key] = name
    _, nobody = grade("9", make.knee(2, side=Side.LEFT), study_uid="1.2.9", patient=Patient(), taken=None)
    keys[nobody] = ""
    row = store.entries.page(Wanted(text="zorn"), may_see_patients=True).entries[0].rows[0]
    assert store.reader_grades.record(row.file_id, 0, reader="anna", kl=1, comment="")

    def names(sort: Sort, *, backwards: bool = False) -> list[str]:
        page = store.entries.page(Wanted(sort=sort, backwards=backwards), may_see_patients=True)
        return [keys[entry.rows[0].study_key or ""] for entry in page.entries]

    assert names(Sort.PATIENT) == ["adler", "Müller", "Zorn", ""]
    assert names(Sort.PATIENT, backwards=True) == ["Zorn", "Müller", "adler", ""]
    assert names(Sort.EXAMINED) == ["adler", "Zorn", "Müller", ""]
    assert names(Sort.RIGHT) == ["Zorn", "Müller", "adler", ""]
    assert names(Sort.RIGHT, backwards=True) == ["adler", "Müller", "Zorn", ""]
    assert names(Sort.LEFT) == ["adler", "", "Müller", "Zorn"]
    assert names(Sort.READ)[-1] == "Zorn"
    assert names(Sort.READ, backwards=True)[0] == "Zorn"
    assert names(Sort.ARRIVED, backwards=True) == ["Müller", "adler", "Zorn", ""]


def test_a_withdrawn_reading_and_a_corrected_patient_change_the_order(store: Store, make: Any, grade: Take) -> None:
    _, key = grade("a", make.knee(1), study_uid="1.2.1")
    _, other = grade("b", make.knee(1), study_uid="1.2.2")
    file_id = store.studies.content(key).images[0].file_id
    number = store.reader_grades.record(file_id, 0, reader="anna", kl=1, comment="")
    first = Wanted(sort=Sort.READ, backwards=True)
    assert [entry.rows[0].study_key for entry in store.entries.page(first).entries] == [key, other]
    assert number
    assert store.reader_grades.withdraw(number, reader="anna")
    assert [entry.rows[0].study_key for entry in store.entries.page(first).entries] == [other, key]
