"""A site's scale in the store: knees with their readers, and an archive that changes its scale."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from koa_worker.knee.grading.grade import on_scale
from koa_worker.knee.grading.release import Review
from koa_worker.knee.grading.site import SiteScale
from koa_worker.store import Store
from koa_worker.store.page.worklist_values import Wanted
from koa_worker.store.records.export import ExportedKnee
from koa_worker.values import Side

SITE = SiteScale(0.8, (2.0, 2.0, 2.0, 2.0), "5e" * 32)
REVIEW = Review(confidence=0.5, agreement=0.6)
Take = Callable[..., tuple[str, str]]


def rescale(store: Store, key: str, site: SiteScale | None = SITE, *, unsent: bool = True) -> int:
    scale = site.digest if site else ""
    knees = store.site_scales.grades_elsewhere(key, "d1", scale)
    return store.site_scales.put(
        key, {knee.grade_id: on_scale(knee.grade, site, REVIEW) for knee in knees}, unsent=unsent
    )


def test_knees_are_found_by_their_image_and_by_their_readers(store: Store, make: Any, grade: Take) -> None:
    first, _ = grade("a", make.knee(2), make.knee(3, side=Side.RIGHT, x=700), sop_uid="1.9")
    grade("b", make.knee(1), study_uid="1.2.4")
    for reader, kl in (("anna", 1), ("ben", 3), ("anna", 2)):
        assert store.reader_grades.record(first, 1, reader=reader, kl=kl, comment="")
    left, right = store.site_scales.knees_of("1.9")
    assert (left.side, right.side, left.grade.kl, right.grade.kl) == (Side.LEFT, Side.RIGHT, 2, 3)
    assert left.subject == make.PATIENT.id
    assert store.site_scales.read_knees() == (right,)
    assert {(one.knee_id, one.reader, one.kl) for one in store.site_scales.last_readings()} == {
        (right.id, "anna", 2),
        (right.id, "ben", 3),
    }
    assert store.site_scales.crop_png(left.id).startswith(b"\x89PNG")
    assert store.site_scales.knees_of("9.9") == ()


def test_an_archive_changes_its_scale_and_back(store: Store, make: Any, grade: Take) -> None:
    file_id, key = grade("a", make.knee(2))
    store.reader_grades.record(file_id, 0, reader="anna", kl=1, comment="")
    before = store.studies.content(key).images[0].knees[0]
    assert store.site_scales.studies_elsewhere("d1", SITE.digest) == (key,)
    rescale(store, key)
    knee = store.studies.content(key).images[0].knees[0]
    assert (knee.grade.site, knee.grade.by_release) == (SITE.digest, before.grade.probabilities)
    assert knee.grade == on_scale(before.grade, SITE, REVIEW)
    assert knee.grade.kl > before.grade.kl
    assert knee.heatmap.kl == before.heatmap.kl
    assert (knee.joint_space, knee.software_version) == (before.joint_space, before.software_version)
    (row,) = store.worklist.page(Wanted()).rows
    assert row.kl == knee.grade.kl
    (reading,) = store.reader_grades.readings(key)
    assert reading.machine_kl == before.grade.kl  # what the machine said at that time
    assert store.site_scales.studies_elsewhere("d1", SITE.digest) == ()

    assert store.site_scales.studies_elsewhere("d1", "") == (key,)
    rescale(store, key, None)
    assert store.studies.content(key).images[0].knees[0].grade == on_scale(before.grade, None, REVIEW)
    every = [row for row in store.export.rows(superseded=True) if isinstance(row, ExportedKnee)]
    assert sorted((row.grade.site, row.grading["is_current"]) for row in every) == [("", True), (SITE.digest, False)]


def test_grades_of_another_release_are_left_alone(store: Store, make: Any, grade: Take) -> None:
    grade("a", make.knee(2), digest="d2")
    assert store.site_scales.studies_elsewhere("d1", SITE.digest) == ()
    assert (store.site_scales.count_others("d1"), store.site_scales.count_others("d2")) == (1, 0)


@pytest.mark.parametrize(("unsent", "due"), [(True, 0), (False, 1)])
def test_what_was_sent_is_sent_again_only_if_somebody_asks(
    store: Store, make: Any, grade: Take, unsent: bool, due: int
) -> None:
    _, key = report(store, grade, make)
    (ticket,) = store.sending.publications_due(["pacs"])
    store.sending.queue(ticket, ())
    assert store.sending.publications_due(["pacs"]) == ()
    written(store, key, rescale(store, key, unsent=unsent))
    assert len(store.sending.publications_due(["pacs"])) == due


def test_what_still_waits_to_be_sent_is_sent_as_it_is_now(store: Store, make: Any, grade: Take) -> None:
    _, key = report(store, grade, make)
    written(store, key, revision := rescale(store, key))
    (ticket,) = store.sending.publications_due(["pacs"])
    assert ticket.revision == revision


def test_results_older_than_a_destination_are_not_sent_to_it(store: Store, make: Any, grade: Take, clock: Any) -> None:
    _, key = grade("a", make.knee(2))
    written(store, key, 1)
    clock.now = clock() + timedelta(days=1)
    store.sending.know_destinations(["pacs"])
    written(store, key, rescale(store, key))
    assert store.sending.publications_due(["pacs"]) == ()


def report(store: Store, grade: Take, make: Any) -> tuple[str, str]:
    store.sending.know_destinations(["pacs"])
    file_id, key = grade("a", make.knee(2))
    written(store, key, 1)
    return file_id, key


def written(store: Store, key: str, revision: int) -> None:
    assert store.reports.record(key, revision, f"r{revision}.pdf", "aa", at=store.sending.now())


def test_a_grade_on_a_scale_comes_back_as_it_went_in(store: Store, make: Any, grade: Take) -> None:
    reading = make.knee(2)
    scaled = replace(reading, grade=on_scale(reading.grade, SITE, REVIEW))
    _, key = grade("a", scaled)
    assert store.studies.content(key).images[0].knees[0].grade == scaled.grade
