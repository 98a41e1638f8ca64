"""Reports, the status screen and the exported table."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from koa_worker.errors import UnknownRecord
from koa_worker.store import State, Store
from koa_worker.tables.export import to_rows
from koa_worker.values import Failed
from tests.make import Clock

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
Take = Callable[..., tuple[str, str]]


def _reject(store: Store, make: Any, content: str, study_uid: str | None = None) -> None:
    arrival = make.arrival(content)
    store.files.add_arrival(arrival, NOW)
    store.files.start(arrival.id, "w")
    store.files.reject(arrival.id, make.rejected(arrival, study_uid=study_uid), "rejected/x")


def test_revisions_count_up_and_are_never_given_twice(store: Store, grade: Take) -> None:
    file_id, key = grade("a")
    assert [store.reports.begin(key) for _ in range(3)] == [2, 3, 4]  # 1 was taken with the result
    assert store.studies.content(key).report_revision == 0  # begun is not written
    store.reports.record(key, 4, Path("reports/x.pdf"), "f" * 64, at=NOW)
    assert store.studies.content(key).report_revision == 4
    assert [(event.kind, event.detail) for event in store.files.events(file_id)][-1] == ("reported", "revision 4")


def test_a_report_that_was_never_begun_is_not_recorded(store: Store, grade: Take) -> None:
    _, key = grade("a")
    with pytest.raises(UnknownRecord, match="revision 2 of study"):
        store.reports.record(key, 2, "x", "f", at=NOW)
    with pytest.raises(UnknownRecord, match="unheard of"):
        store.reports.begin("unheard of")


def test_reports_are_due_until_one_shows_the_last_change(store: Store, make: Any, grade: Take) -> None:
    _, key = grade("a")
    assert store.reports.due() == (key,)
    grade("b")  # came while the report was being written
    store.reports.record(key, 1, "x", "f", at=NOW)
    assert store.reports.due() == (key,)
    store.reports.record(key, 2, "x", "f", at=NOW)
    assert store.reports.due() == ()
    assert store.reports.begin(key) is None
    _reject(store, make, "c", study_uid="1.2.3")
    assert store.reports.due() == (key,)


def test_a_study_may_be_left_unreported_until_somebody_wants_a_report(store: Store, make: Any, grade: Take) -> None:
    _, key = grade("a")
    store.reports.leave_unreported(key, 1)
    assert store.reports.due() == ()
    _reject(store, make, "b", study_uid="1.2.3")
    assert store.reports.due() == (key,)  # more of it came, and nobody said that of this
    store.reports.leave_unreported(key, 1)
    store.reports.want_missing()
    assert store.reports.due() == (key,)
    revision = store.reports.begin(key)
    assert revision is not None
    store.reports.record(key, revision, "x", "f", at=NOW)
    store.reports.leave_unreported(key, revision)  # what is written stays
    store.reports.want_missing()
    assert store.reports.due() == ()
    assert store.studies.content(key).report_revision == revision


def test_no_report_is_due_of_a_study_of_rejects(store: Store, make: Any) -> None:
    _reject(store, make, "a", study_uid="1.2.3")
    assert store.reports.due() == ()


def test_a_large_study_is_reported_when_it_has_grown_by_half(store: Store, make: Any) -> None:
    """Else each of its images would write a report of all the others: the work would grow with the square."""
    reported = []
    for number in range(60):
        arrival = make.arrival(str(number))
        store.files.take(arrival, "w")
        kept = store.files.complete(arrival.id, make.completed(arrival), "d1", "1.0", "done/x")
        assert kept.study_key is not None
        if kept.revision is not None:
            store.reports.record(kept.study_key, kept.revision, "x", "f", at=NOW)
            reported.append(number + 1)
    assert reported == [1, 2, 3, 4, 5, 6, 7, 8, 12, 18, 27, 41]
    assert store.reports.due() == (kept.study_key,)
    assert store.reports.begin(kept.study_key) == 13


def test_the_status_counts_everything_once(store: Store, make: Any, grade: Take) -> None:
    grade("a")
    store.files.add_arrival(make.arrival("a"), NOW)  # duplicate
    _reject(store, make, "b")
    waiting = make.arrival("c")
    store.files.add_arrival(waiting, NOW - timedelta(hours=1))
    store.files.add_arrival(make.arrival("d"), NOW)
    for content, tries in (("e", 1), ("f", 2)):
        arrival = make.arrival(content)
        store.files.add_arrival(arrival, NOW)
        store.files.start(arrival.id, "w")
        store.files.fail(arrival.id, Failed(arrival, "io", ""), max_tries=tries, now=NOW)
    status = store.counts.status()
    assert status.counts == {
        State.WAITING: 2,
        State.WORKING: 0,
        State.COMPLETED: 1,
        State.REJECTED: 1,
        State.FAILED: 2,
        State.DUPLICATE: 1,
    }
    assert (status.parked, status.rejected_by_code, status.failed_by_code) == (1, {"no_knee": 1}, {"io": 2})
    assert status.oldest_waiting == NOW - timedelta(hours=1)
    assert (status.done_today, status.reports) == (1, 0)
    assert status.per_minute == pytest.approx(2 / 0.25)  # both within the shortest span that a speed is taken from
    assert (status.model, status.model_digest) == ("net-v1", "d1")


def test_an_empty_store_has_a_status_too(store: Store) -> None:
    status = store.counts.status()
    assert set(status.counts.values()) == {0}
    assert (status.oldest_waiting, status.per_minute, status.model) == (None, 0.0, None)


def test_today_begins_at_local_midnight(store: Store, clock: Clock, make: Any, grade: Take) -> None:
    clock.now = datetime(2026, 6, 1, 12, tzinfo=UTC).astimezone()
    grade("a")
    clock.now = datetime(2026, 6, 1, 12, 5, tzinfo=UTC).astimezone()
    assert store.counts.status().done_today == 1
    clock.now = datetime(2026, 6, 3, 12, tzinfo=UTC).astimezone()
    assert store.counts.status().done_today == 0


def test_a_row_of_the_export_names_everything_but_the_patient(store: Store, make: Any, grade: Take) -> None:
    file_id, key = grade("a", make.knee(1))
    (row,) = to_rows(store.export.rows())
    assert (row["file_id"], row["study_key"], row["study_uid"]) == (file_id, key, "1.2.3")
    assert [row[name] for name in ("box_x", "box_y", "box_width", "box_height")] == [100, -3, 400, 400]
    assert [row[f"p{kl}"] for kl in range(5)] == pytest.approx([0.1, 0.6, 0.1, 0.1, 0.1])
    assert (row["kl"], row["confidence"], row["oa_probability"]) == (1, 0.6, pytest.approx(0.3))
    assert (row["needs_review"], row["review_reasons"]) == (
        True,
        ["Model predictions differ by two grades or more (KL 1 to KL 3)."],
    )
    assert row["review_codes"] == ["disagreement"]
    assert (row["medial_min_mm"], row["medial_mean_ratio"], row["tibial_width_px"]) == (4.5, 0.125, 75.5)
    assert (row["lateral_min_mm"], row["picture_left_min_ratio"]) == (None, None)
    assert (row["model"], row["model_digest"], row["software_version"]) == ("net-v1", "d1", "1.0")
    line = json.dumps(row, default=str)
    assert not [word for word in ("Ivanova", "P-17", "1950", "A-1", "standing") if word in line]


def test_the_export_streams_while_work_goes_on(store: Store, grade: Take) -> None:
    for number in range(4):
        grade(str(number), study_uid=f"1.{number}")
    rows = store.export.rows()
    first = next(rows)
    grade("later", study_uid="1.99")
    assert len({row.image["file_id"] for row in [first, *rows]}) == 4
