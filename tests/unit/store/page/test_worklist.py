"""The worklist: the lines of a page, their order, the search, and that no query scans a whole table."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import event, insert, text

from koa_worker.store import State, Store
from koa_worker.store.database.schema import FileRow, table_of
from koa_worker.store.page import worklist_search
from koa_worker.store.page.worklist_lines import keys_of
from koa_worker.store.page.worklist_order import COLUMNS, WALKED_BY_KIND
from koa_worker.store.page.worklist_values import Assigned, Cursor, Sort, Wanted, WorklistPage, WorklistRow
from koa_worker.store.search_words import may_have, plain, terms_of, words_of
from koa_worker.values import Failed, Patient, Side

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
Take = Callable[..., tuple[str, str]]


def _see(store: Store, **asked: Any) -> list[tuple[str, Side, int | None]]:
    page = store.worklist.page(Wanted(**asked), may_see_patients=True)
    return [(row.state, row.side, row.kl) for row in page.rows]


def _turn(store: Store, wanted: Wanted, limit: int) -> list[WorklistPage]:
    pages = [store.worklist.page(wanted, None, limit, may_see_patients=True)]
    while (cursor := pages[-1].next) is not None:
        pages.append(store.worklist.page(wanted, Cursor.parse(str(cursor)), limit, may_see_patients=True))
    return pages


@pytest.fixture
def archive(store: Store, make: Any, grade: Take) -> Store:
    """Eight graded files of all grades and both sides, one reject, one that waits, one that failed."""
    for number, (kl, side) in enumerate(product((0, 1, 2, 3), (Side.LEFT, Side.RIGHT))):
        grade(f"g{number}", make.knee(kl, side=side), study_uid=f"1.2.{number}")
    for content, at in (("r", 1), ("w", 2), ("f", 3)):
        arrival = make.arrival(content)
        store.files.add_arrival(arrival, NOW + timedelta(minutes=at))
        if content != "w":
            store.files.start(arrival.id, "w")
        if content == "r":
            store.files.reject(arrival.id, make.rejected(arrival, study_uid="1.9"), "rejected/x")
        if content == "f":
            store.files.fail(arrival.id, Failed(arrival, "io", ""), max_tries=1, now=NOW)
    return store


def test_the_newest_comes_first(archive: Store) -> None:
    assert [state for state, _, _ in _see(archive)] == ["failed", "waiting", "rejected", *["completed"] * 8]


def test_each_filter_lets_through_what_it_says(archive: Store) -> None:
    assert _see(archive, states=frozenset({State.REJECTED})) == [("rejected", Side.UNKNOWN, None)]
    assert {kl for _, _, kl in _see(archive, grades=frozenset({2, 3}))} == {2, 3}
    assert {side for _, side, _ in _see(archive, sides=frozenset({Side.RIGHT}))} == {Side.RIGHT}
    assert {kl for _, _, kl in _see(archive, review=True)} == {1}
    assert {kl for _, _, kl in _see(archive, review=False)} == {0, 2, 3}
    both = _see(archive, grades=frozenset({1}), sides=frozenset({Side.LEFT}), review=True)
    assert both == [("completed", Side.LEFT, 1)]
    assert _see(archive, grades=frozenset({4})) == []
    assert _see(archive, states=frozenset({State.WAITING}), review=True) == []
    assert len(_see(archive, since=NOW + timedelta(minutes=2))) == 2
    assert len(_see(archive, since=NOW + timedelta(minutes=1), until=NOW + timedelta(minutes=2))) == 1


def test_pages_show_each_line_once_and_in_order(archive: Store) -> None:
    for wanted in (Wanted(), Wanted(sort=Sort.REVIEW), Wanted(text="knees"), Wanted(text="knees", sort=Sort.REVIEW)):
        whole = archive.worklist.page(wanted, may_see_patients=True).rows
        assert len(whole) == (8 if wanted.text else 11)
        if wanted.sort is Sort.REVIEW:
            assert [row.needs_review for row in whole[:3]] == [True, True, False]
        for limit in (1, 3, 100):
            turned = [row for page in _turn(archive, wanted, limit) for row in page.rows]
            assert turned == list(whole), (wanted, limit)


def test_a_page_stays_where_it_was_when_newer_files_come(archive: Store, make: Any) -> None:
    first = archive.worklist.page(Wanted(), None, 4)
    archive.files.add_arrival(make.arrival("newer"), NOW + timedelta(hours=1))
    second = archive.worklist.page(Wanted(), first.next, 4)
    assert not {row.file_id for row in first.rows} & {row.file_id for row in second.rows}
    assert len(second.rows) == 4


def test_a_file_is_found_by_the_beginnings_of_its_words(store: Store, make: Any, grade: Take) -> None:
    file_id, key = grade("a", patient=Patient("Müller-Lüdenscheidt, José", "P-17/4"))
    for said in ("muller", "MÜLL lud", "jose", "p-17", "17", "a-1", "knees STAND", file_id[:8], key, f"{file_id} jose"):
        assert len(_see(store, text=said)) == 1, said
    for said in ("mueller", "mueller-lued", "Müller"):
        assert len(_see(store, text=said)) == 1, said
    for said in ("üller", "p-18", "muller anna", "%", "_", "' OR 1=1", "no_knee"):
        assert _see(store, text=said) == [], said


def test_who_may_not_see_patients_finds_none_by_their_data(archive: Store) -> None:
    for said in ("ivanova", "p-17", "a-1", "knees"):
        assert len(archive.worklist.page(Wanted(text=said), may_see_patients=True).rows) > 0
        assert archive.worklist.page(Wanted(text=said)).rows == ()
    (rejected,) = archive.worklist.page(Wanted(text="no_knee")).rows
    assert (rejected.patient_name, rejected.patient_id, rejected.file_name, rejected.description) == ("", "", "", "")
    assert len(archive.worklist.page(Wanted(text=rejected.file_id)).rows) == 1


def test_a_word_of_too_many_files_is_taken_whole_and_the_page_says_so(
    archive: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worklist_search, "LOOKED_AT", 3)
    page = archive.worklist.page(Wanted(text="kne"), may_see_patients=True)
    assert (page.rows, page.too_many) == ((), True)
    page = archive.worklist.page(Wanted(text="knees"), may_see_patients=True)
    assert (len(page.rows), page.too_many) == (3, True)
    assert not archive.worklist.page(Wanted(text="no_knee"), may_see_patients=True).too_many


def test_what_a_later_file_tells_of_the_study_finds_the_earlier_one_too(store: Store, make: Any, grade: Take) -> None:
    grade("a", patient=Patient())
    assert _see(store, text="petrova") == []
    grade("b", make.knee(2, side=Side.RIGHT), patient=Patient("Petrova Olga"))
    assert len(_see(store, text="petrova")) == 2


def test_a_regrade_replaces_the_line(store: Store, make: Any, grade: Take) -> None:
    arrival = make.arrival("a")
    store.files.add_arrival(arrival, NOW)
    store.files.start(arrival.id, "w")
    for kl, digest in ((2, "d1"), (4, "d2")):
        store.files.complete(arrival.id, make.completed(arrival, make.knee(kl)), digest, "1.0", "done/x")
    assert _see(store) == [("completed", Side.LEFT, 4)]


def test_everything_is_counted(archive: Store) -> None:
    counts = archive.worklist.counts()
    assert (counts.by_state[State.COMPLETED], counts.by_state[State.REJECTED], counts.by_state[State.FAILED]) == (
        8,
        1,
        1,
    )
    assert (counts.parked, counts.review) == (1, 2)


def test_the_counts_are_exact_however_many_there_are(archive: Store) -> None:
    row = {"size": 1, "name": "", "state": State.WAITING, "starts": 0, "tries": 0, "arrived_at": NOW}
    many = [{"id": f"m{number}", "sha256": str(number), **row} for number in range(12_345)]
    with archive.sessions.writing.begin() as connection:
        connection.execute(insert(table_of(FileRow)), many)
    assert archive.worklist.counts().by_state[State.WAITING] == 12_346


def test_a_flagged_knee_is_to_review_until_somebody_has_read_it(archive: Store) -> None:
    def to_review() -> tuple[int, int]:
        counts = archive.worklist.counts()
        return counts.review, counts.to_review

    flagged = archive.worklist.page(Wanted(review=True)).rows
    plain = archive.worklist.page(Wanted(review=False, states=frozenset({State.COMPLETED}))).rows
    assert to_review() == (2, 2)

    def read(row: WorklistRow, reader: str) -> int:
        number = archive.reader_grades.record(row.file_id, 0, reader=reader, kl=1, comment="")
        assert number is not None
        return number

    read(plain[0], "anna")
    assert to_review() == (2, 2)
    first, second = read(flagged[0], "anna"), read(flagged[0], "bella")
    assert to_review() == (2, 1)
    archive.reader_grades.withdraw(first, reader="anna")
    assert to_review() == (2, 1)
    archive.reader_grades.withdraw(second, reader="bella")
    assert to_review() == (2, 2)


def test_days_are_counted_by_state_grade_and_code(archive: Store) -> None:
    today = datetime.now(UTC).date()
    counted = {
        (one.state, one.kl, one.code): one.count for one in archive.day_counts.between(today - timedelta(days=1), today)
    }
    assert counted[State.COMPLETED, 2, None] == 2
    assert counted[State.REJECTED, None, "no_knee"] == 1
    assert (State.WAITING, None, None) not in counted
    assert archive.day_counts.between(today - timedelta(days=30), today - timedelta(days=2)) == ()


@pytest.fixture
def plans(archive: Store) -> Iterator[list[str]]:
    """What SQLite says of how it runs each query of the test."""
    engine = archive.sessions.reading
    if engine.dialect.name != "sqlite":
        pytest.skip("another database plans by what the tables hold")
    seen: list[str] = []

    def ask(connection: Any, cursor: Any, statement: str, parameters: Any, context: Any, many: bool) -> None:
        if statement.startswith("SELECT"):
            plan = connection.connection.driver_connection.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)
            seen.extend(row[3] for row in plan)

    event.listen(engine, "before_cursor_execute", ask)
    yield seen
    event.remove(engine, "before_cursor_execute", ask)


TABLES = "worklist_lines|worklist_words|files|studies|images|knees|grades|pictures|events|reports"


ASKED = (
    Wanted(),
    Wanted(sort=Sort.REVIEW),
    Wanted(states=frozenset({State.REJECTED})),
    Wanted(grades=frozenset({3}), sides=frozenset({Side.LEFT}), review=True),
    Wanted(review=False),
    Wanted(since=NOW - timedelta(days=1), until=NOW + timedelta(days=1)),
    Wanted(text="ivanova"),
    Wanted(text="ivanova knees", grades=frozenset({1}), since=NOW - timedelta(days=1)),
    Wanted(text="abcdef12"),
    *(Wanted(sort=sort, backwards=backwards) for sort in Sort for backwards in (False, True)),
    Wanted(sort=Sort.PATIENT, states=frozenset({State.REJECTED})),
    Wanted(sort=Sort.LEFT, grades=frozenset({3}), since=NOW - timedelta(days=1)),
    Wanted(assigned=Assigned.READER, assignee="anna"),
    Wanted(sort=Sort.READ, assigned=Assigned.NOBODY),
)


def test_no_page_walks_a_whole_table(archive: Store, plans: list[str]) -> None:
    behind = Cursor(needs_review=True, at=NOW + timedelta(hours=1), id=10**9)
    for wanted, cursor in product(ASKED, (None, behind)):
        plans.clear()
        archive.worklist.page(wanted, cursor, may_see_patients=True)
        assert len(plans) > 1, wanted
        assert [step for step in plans if re.match(rf"SCAN ({TABLES})\b", step)] == [], wanted


@pytest.mark.parametrize("states", [{State.WAITING, State.FAILED}, {State.COMPLETED}], ids=["files", "studies"])
def test_what_an_entry_shows_is_sought_by_its_study(archive: Store, plans: list[str], states: set[State]) -> None:
    page = archive.entries.page(Wanted(states=frozenset(states)), may_see_patients=True)
    key = page.entries[0].rows[0].study_key
    assert len({entry.is_study for entry in page.entries}) == 1
    archive.entries.around(Wanted(), key or "", may_see_patients=True)
    archive.entries.next_unread(Wanted(), key or "", "anna", may_see_patients=True)
    archive.assignments.assign([key] if key else [], "anna", by="ada")
    archive.entries.page(Wanted(assigned=Assigned.READER, assignee="anna"), may_see_patients=True)
    archive.assignments.progress()
    assert plans
    assert [step for step in plans if "(stands=?)" in step] == []  # would walk the lines of all studies


@pytest.mark.parametrize("sort", [sort for sort in Sort if sort not in WALKED_BY_KIND])
def test_a_column_is_walked_by_its_own_index_and_not_sorted(archive: Store, plans: list[str], sort: Sort) -> None:
    archive.sessions.read(lambda session: keys_of(session, Wanted(sort=sort), None, 3))
    index = f"USING INDEX ix_worklist_lines_{COLUMNS[sort].key} "
    assert [step for step in plans if "worklist_lines" in step and index not in step] == []
    assert [step for step in plans if "TEMP B-TREE" in step] == []
    assert plans


def test_neither_counts_nor_days_walk_a_whole_table(archive: Store, plans: list[str]) -> None:
    archive.worklist.counts()
    archive.day_counts.between(NOW.date(), NOW.date())
    found = archive.counts.last_successes()
    assert (found.arrived, found.reported) == (NOW + timedelta(minutes=3), None)
    assert found.graded
    assert len(plans) > 4
    assert [step for step in plans if re.match(rf"SCAN ({TABLES})\b", step)] == []


def test_the_plans_would_show_a_walk(archive: Store, plans: list[str]) -> None:
    with archive.sessions.reading.connect() as connection:
        connection.execute(text("SELECT confidence FROM worklist_lines WHERE confidence > 0.5"))
    assert [step for step in plans if re.match(rf"SCAN ({TABLES})\b", step)]


@given(st.text())
def test_any_text_becomes_words_that_its_beginnings_find(said: str) -> None:
    words = words_of(said)
    assert all(word and len(word) <= 64 for word in words)
    for term in terms_of(said):
        assert any(word.startswith(term) for word in words) or len(words) >= 32


@given(st.text(st.characters(max_codepoint=127), max_size=40))
def test_plain_letters_are_read_the_short_way_as_the_long_way_reads_them(said: str) -> None:
    assert plain(f"é {said}") == f"e {plain(said)}"
    assert set(words_of(f"ж {said}")) == {"ж", *words_of(said)}


@given(st.lists(st.text("aeoubr-. 1ßüåø", max_size=20), max_size=3), st.data())
def test_the_quick_look_misses_no_word(said: list[str], data: st.DataObject) -> None:
    words = words_of(*said)
    terms = [word[: data.draw(st.integers(1, len(word)))] for word in words[:3]]
    assert may_have(" ".join(said), terms)
    assert not may_have("knee", ["hip"])


@pytest.mark.parametrize(
    ("stored", "typed"),
    list(product(("Müller^Jörg", "Mueller^Joerg", "MUELLER^JÖRG"), ("Müller", "mueller jörg", "JOERG"))),
)
def test_an_umlaut_is_found_however_it_is_spelt(stored: str, typed: str) -> None:
    assert all(any(word.startswith(term) for word in words_of(stored)) for term in terms_of(typed))


def test_a_word_that_only_looks_spelt_so_is_left() -> None:
    assert words_of("Bauer Neuer Quere") == ("bauer", "neuer", "quere")


@pytest.mark.parametrize(
    "said",
    ["", "1", "1.2", "1.2.3.4", "2.1.1", "0.-1.1", "a.b.c", "1.99999999999999999999.1", "1.1.99999999999999999999"],
)
def test_what_is_no_cursor_is_refused(said: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        Cursor.parse(said)
