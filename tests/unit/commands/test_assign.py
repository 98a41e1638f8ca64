"""`koa-worker assign`: studies of readers, given and taken back on the command line."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from koa_worker import config
from koa_worker.commands import cli
from koa_worker.store import Store, encode
from koa_worker.store.page.worklist_values import Wanted
from koa_worker.values import Role, Study
from tests import make

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """Of a folder of its own, with two users who may read and one who may only look."""
    monkeypatch.chdir(tmp_path)
    with Store.open(config.load(None).store.url) as opened:
        for name, role in (("anna", Role.READ), ("boris", Role.ADMIN), ("victor", Role.VIEW)):
            assert opened.accounts.add_user(name, role, "-")
        yield opened


@pytest.fixture
def keys(store: Store) -> list[str]:
    """Three graded studies, the oldest first."""
    return [take(store, number) for number in range(3)]


def take(store: Store, number: int) -> str:
    arrival = make.arrival(str(number))
    store.files.add_arrival(arrival, NOW + timedelta(days=number))
    store.files.start(arrival.id, "w")
    uid = f"1.2.{number}"
    result = encode(make.completed(arrival, make.knee(make.grade(2)), study=Study(uid, uid)))
    key = store.files.complete(arrival.id, result, "d", "1.0", "done/x").study_key
    assert key
    return key


def call(*words: str, typed: str | None = None) -> Result:
    return CliRunner().invoke(cli.app, ["assign", *words], input=typed)


def progress(store: Store) -> dict[str, tuple[int, int]]:
    return {one.reader: (one.studies, one.read) for one in store.assignments.progress()}


def test_studies_are_assigned_by_key_by_report_and_from_the_input(store: Store, keys: list[str]) -> None:
    assert "1 of 1 studies newly assigned to anna" in call("Anna", f"reports/2026/{keys[0]}.pdf").stdout
    assert "1 of 2 studies newly assigned to anna" in call("anna", "-", typed=f"{keys[0]}\n{keys[1]}\n").stdout
    assert progress(store) == {"anna": (2, 0)}
    noted = [(one.who, one.action, one.detail) for one in store.audit.entries(subject=keys[1])]
    assert noted == [("console", "assigned", "anna")]


def test_the_oldest_go_to_a_reader_unless_they_are_somebody_s_or_read(store: Store, keys: list[str]) -> None:
    assert call("boris", keys[0]).exit_code == 0
    assert call("anna", "--oldest", "1").exit_code == 0
    (entry,) = store.audit.entries(who="console", limit=1)
    assert (entry.subject, entry.detail) == (keys[1], "anna")
    (file_id,) = [row.file_id for row in store.worklist.page(Wanted()).rows if row.study_key == keys[2]]
    store.reader_grades.record(file_id, 0, reader="boris", kl=2, comment="")
    assert "0 of 0" in call("anna", "--oldest", "5").stdout


def test_what_is_taken_back_is_the_other_reader_s_still(store: Store, keys: list[str]) -> None:
    for reader in ("anna", "boris"):
        call(reader, *keys)
    assert "2 of 2 studies taken back from anna" in call("anna", "--take-back", *keys[:2]).stdout
    assert progress(store) == {"anna": (1, 0), "boris": (3, 0)}
    assert store.audit.entries(subject=keys[0])[0].action == "assignment_ended"


def test_without_a_reader_it_tells_how_far_each_is(store: Store, keys: list[str]) -> None:
    assert "No study is assigned" in call().stdout
    call("anna", *keys)
    assert ["anna", "3", "0", "3"] in [line.split() for line in call().stdout.splitlines()]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("victor", "KEY"), "may read"),
        (("nobody", "KEY"), "anna, boris"),
        (("anna",), "name studies"),
        (("anna", "KEY", "0" * 32), "no studies with a graded knee"),
        (("anna", "--take-back", "--oldest", "2"), "--oldest"),
        (("anna", "--take-back", "KEY", "0" * 32), "no studies with a graded knee"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_is_assigned(
    store: Store, keys: list[str], words: tuple[str, ...], said: str
) -> None:
    result = call(*(keys[0] if word == "KEY" else word for word in words))
    assert result.exit_code == 2
    assert said in " ".join(result.stderr.split())
    assert progress(store) == {}
