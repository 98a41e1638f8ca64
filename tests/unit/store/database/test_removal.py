"""All rows that refer to a file or a study are removed with it; a new table is either included or names nobody."""

from collections.abc import Callable

import pytest
from sqlalchemy import func, select

from koa_worker.store import State, Store
from koa_worker.store.database.removal import remove_rows
from koa_worker.store.database.schema import Base
from koa_worker.values import Rejected

# Sums of a day, without a name; `forget` deletes those of the days that it changes.
SUMS = {"watch_changed", "watch_studies", "watch_files"}
NAMES_NOBODY = {"models", "destinations", "users", "logins", "tokens", "throttles", "audit", "doomed", *SUMS}
NAMED = {"files", "studies", "uploads"}


def reached() -> set[str]:
    """The tables whose rows cannot be without a file or a study."""
    going = set(NAMED)
    for table in Base.metadata.sorted_tables:
        if any(not key.parent.nullable and key.column.table.name in going for key in table.foreign_keys):
            going.add(table.name)
    return going


def test_every_table_is_reached_or_names_nobody() -> None:
    assert reached() | NAMES_NOBODY == set(Base.metadata.tables)
    assert not reached() & NAMES_NOBODY


def counts(store: Store) -> dict[str, int]:
    with store.sessions.stream() as connection:
        tables = Base.metadata.sorted_tables
        return {table.name: connection.scalar(select(func.count()).select_from(table)) or 0 for table in tables}


@pytest.fixture
def two(store: Store, make: object, grade: Callable[..., tuple[str, str]]) -> dict[str, tuple[str, str]]:
    """Two studies with reports, readings and a conflict between their images."""
    made = {}
    for content in ("a", "b"):
        file_id, key = made[content] = grade(
            content, study_uid=f"1.2.{content}".replace("a", "1").replace("b", "2"), sop_uid="9.9"
        )
        revision = store.reports.begin(key)
        assert revision is not None or store.studies.content(key).images
        store.reader_grades.record(file_id, 0, reader="r", kl=1, comment="c")
    return made


def test_a_study_goes_with_all_its_rows_and_the_other_stays(store: Store, two: dict[str, tuple[str, str]]) -> None:
    (first, key), (second, other) = two["a"], two["b"]
    assert store.studies.content(other).images[0].conflicts_with == first
    before = counts(store)
    removed = store.sessions.write(lambda session: remove_rows(session, [first], [key], []))
    assert removed["files"] == removed["images"] == removed["studies"] == removed["reader_grades"] == 1
    after = counts(store)
    assert {name: before[name] - after[name] for name in before if before[name] != after[name]} == dict(removed)
    assert store.studies.content(other).images[0].conflicts_with is None
    record = store.files.find(second)
    assert record is not None
    assert record.state is State.COMPLETED
    removed = store.sessions.write(lambda session: remove_rows(session, [second], [other], []))
    assert {name: count for name, count in counts(store).items() if name in reached() and count} == {}


def test_more_than_one_statement_holds_are_removed(
    store: Store, make: object, now: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("koa_worker.store.database.removal._AT_A_TIME", 2)
    arrivals = [make.arrival(str(number)) for number in range(5)]  # type: ignore[attr-defined]
    for arrival in arrivals:
        store.files.add_arrival(arrival, now)  # type: ignore[arg-type]
        store.files.start(arrival.id, "w")
        store.files.reject(arrival.id, Rejected(arrival, "no_knee", ""), "x")
    ids = [arrival.id for arrival in arrivals]
    assert store.sessions.write(lambda session: remove_rows(session, ids, [], []))["files"] == 5
