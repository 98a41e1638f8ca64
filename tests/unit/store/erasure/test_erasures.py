"""The record of an erasure, and the steps that are refused from then on."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from koa_worker.errors import UnknownRecord
from koa_worker.store import State, Store
from koa_worker.store.records.belongings import ErasureReason, Whose
from koa_worker.values import Patient

BY_ID = Whose(patient_id="P-17")  # of conftest.py's Maker
FORGET = ErasureReason.FORGET


def intend(store: Store, *, abandoned: tuple[str, ...] = ()) -> bool:
    found = store.erasures.look(BY_ID)
    return store.erasures.intend(found, (), (), abandoned=abandoned, reason=FORGET, who="me")


def test_a_file_that_is_worked_on_is_not_written_down(store: Store, make: Any, grade: Callable[..., Any]) -> None:
    """It came again while its first copy was being graded: it will be a duplicate of it."""
    content = "a"
    copy = make.arrival(content)
    store.files.take(copy, "w")
    grade(content)
    assert not intend(store)
    assert not store.erasures.doomed(FORGET)
    assert intend(store, abandoned=(copy.id,))
    assert copy.id in store.erasures.doomed(FORGET).files


def test_what_changed_since_it_was_looked_at_is_looked_at_again(store: Store, grade: Callable[..., Any]) -> None:
    grade("a")
    found = store.erasures.look(BY_ID)
    grade("b")
    assert not store.erasures.intend(found, (), (), abandoned=(), reason=FORGET, who="me")
    assert intend(store)


def test_nobody_begins_a_file_that_is_written_down(
    store: Store, make: Any, now: datetime, grade: Callable[..., Any]
) -> None:
    grade("a")
    (file,) = store.erasures.look(BY_ID).files
    claimed = make.arrival("claimed before a kill")
    store.erasures.doom([claimed.id], FORGET)
    assert intend(store)
    with pytest.raises(UnknownRecord):
        store.files.take(claimed, "w")
    with pytest.raises(UnknownRecord):
        store.files.add_arrival(claimed, now)
    with pytest.raises(UnknownRecord):
        store.files.start(file.id, "w", take_over=True)
    with pytest.raises(UnknownRecord):
        store.files.take_up_again(claimed, "done/x")
    store.erasures.erase_rows(FORGET)
    store.erasures.finish(FORGET, "me")
    assert store.files.find(file.id) is store.files.find(claimed.id) is None
    assert [entry.action for entry in store.audit.entries()] == ["forget_finished", "forget_begun"]
    assert store.files.take(make.arrival("a"), "w").begun, "the same bytes that come again are new"


def test_an_open_worklist_notices_that_an_older_study_is_gone(store: Store, grade: Callable[..., Any]) -> None:
    grade("a")
    grade("b", study_uid="1.2.4", patient=Patient("Somebody^Else", "P-18"))
    seen = store.entries.stamp()
    assert intend(store)
    store.erasures.erase_rows(FORGET)
    assert store.entries.stamp() != seen


def test_retention_and_forgetting_do_not_finish_each_other(store: Store, grade: Callable[..., Any]) -> None:
    grade("a")
    assert intend(store)
    store.erasures.finish(ErasureReason.RETENTION, "retention")
    assert store.erasures.doomed(FORGET)
    assert not store.erasures.doomed(ErasureReason.RETENTION)


def test_a_study_expires_after_its_last_file(store: Store, now: datetime, grade: Callable[..., Any]) -> None:
    _, key = grade("a")
    _, other = grade("b", study_uid="1.2.4")
    after = store.files.events(store.erasures.look(BY_ID).files[0].id)[-1].at + timedelta(seconds=60)
    assert set(store.erasures.studies_settled_before(after, 9)) == {key, other}
    assert store.erasures.studies_settled_before(after, 1) in ((key,), (other,))
    assert store.erasures.studies_settled_before(after - timedelta(hours=1), 9) == ()


def test_a_file_that_is_taken_up_again_waits_for_a_worker(store: Store, make: Any, now: datetime) -> None:
    unknown = make.arrival("a")
    assert store.files.take_up_again(unknown, "done/2026-01-01/x.dcm") is State.WAITING
    (due,) = store.files.due_retries(now)
    assert (due.id, due.filed_as) == (unknown.id, "done/2026-01-01/x.dcm")
