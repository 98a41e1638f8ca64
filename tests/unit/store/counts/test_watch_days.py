"""The days for `koa-worker drift`: a study counts once, refusals by file, each by its device."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from koa_worker.store import Store
from koa_worker.values import Side
from koa_worker.watch.cusum import Sample
from koa_worker.watch.drift import Device, Signal

Take = Callable[..., tuple[str, str]]


def test_an_empty_store_has_no_days(store: Store) -> None:
    assert store.watch_days.samples() == ()


def test_a_study_counts_once_and_its_knees_are_counted_by_grade(store: Store, make: Any, grade: Take) -> None:
    grade("a", make.knee(2), make.knee(3, side=Side.RIGHT, x=700))
    grade("b", make.knee(0), study_uid="1.2.4")
    graded, refused = store.watch_days.samples()
    if Signal.GRADE not in graded.samples:
        graded, refused = refused, graded
    assert graded.samples[Signal.GRADE] == Sample(2, 2.5, 2.5**2)
    assert graded.grades == (1, 0, 1, 1, 0)
    assert graded.samples[Signal.EXPOSURE].count == 0
    assert refused.samples == {Signal.REFUSALS: Sample(2, 0.0, 0.0)}
    assert graded.device == refused.device


def test_grades_of_a_former_release_are_no_part_of_it(store: Store, make: Any, grade: Take) -> None:
    grade("a", make.knee(4), digest="d2")
    grade("b", make.knee(0), study_uid="1.2.4")
    (graded,) = (day for day in store.watch_days.samples() if Signal.GRADE in day.samples)
    assert graded.samples[Signal.GRADE].total == 0.0
    assert graded.samples[Signal.GRADE].count == 1


def test_a_rejected_file_counts_as_refused_of_an_unknown_device(store: Store, make: Any) -> None:
    arrival = make.arrival("bad")
    store.files.add_arrival(arrival, store.sending.now())
    store.files.start(arrival.id, "w")
    assert store.files.reject(arrival.id, make.rejected(arrival), "rejected/bad")
    (day,) = store.watch_days.samples()
    assert (day.device, day.samples) == (Device(), {Signal.REFUSALS: Sample(1, 1.0, 1.0)})
