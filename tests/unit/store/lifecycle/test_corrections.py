"""A person's correction of an image's sides and pixel size: its effect, its duration, and its withdrawal."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from koa_worker.errors import UnknownRecord
from koa_worker.store import Store, encode
from koa_worker.store.page.worklist_values import Wanted
from koa_worker.store.records.belongings import ErasureReason, Whose
from koa_worker.study.correction import Corrected, Geometry
from koa_worker.values import (
    Arrival,
    Box,
    Compartment,
    CompartmentName,
    JointSpace,
    KneeRoi,
    Laterality,
    Patient,
    Side,
    Spacing,
    SpacingSource,
    Study,
)
from tests import make

UPPER, LOWER = ((0.0, 10.0), (20.0, 10.0)), ((0.0, 14.0), (20.0, 18.0))
COARSE, OWN = Spacing(0.2, 0.2, SpacingSource.DETECTOR), Spacing(0.1, 0.1, SpacingSource.CALIBRATED)
HEADER = Geometry(Laterality.UNKNOWN, "", COARSE)


def space() -> JointSpace:
    left = Compartment(CompartmentName.PICTURE_LEFT, True, 0.05, 0.07, 0.8, 1.2, UPPER, LOWER)
    right = Compartment(CompartmentName.PICTURE_RIGHT, True, 0.05, 0.07, 0.8, 1.2, UPPER, LOWER)
    return JointSpace((left, right), SpacingSource.DETECTOR, 80.0)


@pytest.fixture
def study(store: Store) -> tuple[str, str]:
    """The key and the file of a study with one image of two knees, whose sides the header does not say."""
    arrival = Arrival(Path("x"), "a" * 64, 9, "a.dcm")
    store.files.add_arrival(arrival, datetime.now(UTC))
    store.files.start(arrival.id, "w")
    key = store.files.complete(arrival.id, result(arrival), "d" * 64, "1.0", "done/a").study_key
    assert key
    return key, arrival.id


@pytest.fixture
def make_known(store: Store) -> tuple[str, str]:
    """The same with the sides that its search for knees gave."""
    arrival = Arrival(Path("x"), "b" * 64, 9, "b.dcm")
    store.files.add_arrival(arrival, datetime.now(UTC))
    store.files.start(arrival.id, "w")
    found = result(arrival, (Side.RIGHT, Side.LEFT))
    key = store.files.complete(arrival.id, found, "d" * 64, "1.0", "done/b").study_key
    assert key
    return key, arrival.id


def result(arrival: Arrival, sides: tuple[Side, Side] = (Side.UNKNOWN, Side.UNKNOWN)) -> Any:
    knees = tuple(
        make.knee(make.grade(kl), KneeRoi(Box(20 + 200 * at, 80, 150, 150), side), space=space())
        for at, (kl, side) in enumerate(zip((2, 3), sides, strict=True))
    )
    patient = Patient("Nobody", "P-1")
    return encode(
        make.completed(arrival, *knees, study=Study("1.2", "1.2.3", view=""), patient=patient, spacing=COARSE)
    )


def seen(store: Store, key: str) -> list[tuple[Side, str, float | None]]:
    image = store.studies.content(key).images[0]
    spaces = [(knee.roi.side, knee.joint_space.compartments[0]) for knee in image.knees if knee.joint_space]
    return [(side, part.name.value, round(part.min_mm, 3) if part.min_mm else None) for side, part in spaces]


def test_all_that_depends_on_it_follows_and_the_report_is_due(store: Store, study: tuple[str, str]) -> None:
    key, file_id = study
    revision = store.reports.begin(key)
    assert revision
    store.reports.record(key, revision, "r.pdf", "f" * 64, at=datetime.now(UTC))
    corrected = Corrected(Laterality.BOTH, "R", OWN)
    assert store.corrections.correct(key, file_id, corrected, who="anna")
    assert seen(store, key) == [(Side.RIGHT, "lateral", 0.4), (Side.LEFT, "medial", 0.4)]
    image = store.studies.content(key).images[0]
    assert (image.laterality, image.column_zero_side, image.spacing) == (Laterality.BOTH, "R", OWN)
    assert image.correction is not None
    assert (image.correction.what, image.correction.said, image.correction.who) == (corrected, HEADER, "anna")
    assert {row.side for row in store.worklist.page(Wanted()).rows} == {Side.RIGHT, Side.LEFT}
    assert [one.study_key for one in store.reports.owed()] == [key]
    (event,) = [one for one in store.files.events(file_id) if one.kind == "corrected"]
    assert event.detail.startswith("by anna: laterality was unknown, column_zero_side was -, row_mm was 0.2")


def test_another_pixel_size_alone_leaves_the_sides_that_were_found(store: Store, make_known: tuple[str, str]) -> None:
    key, file_id = make_known
    assert store.corrections.correct(key, file_id, Corrected(spacing=OWN), who="anna")
    assert [side for side, _, _ in seen(store, key)] == [Side.RIGHT, Side.LEFT]


def test_the_same_again_changes_nothing(store: Store, study: tuple[str, str]) -> None:
    key, file_id = study
    assert store.corrections.correct(key, file_id, Corrected(spacing=OWN), who="anna")
    assert not store.corrections.correct(key, file_id, Corrected(spacing=OWN), who="carl")
    assert [one.kind for one in store.files.events(file_id)].count("corrected") == 1


def test_a_correction_outlasts_a_regrade_and_a_later_header(store: Store, study: tuple[str, str]) -> None:
    key, file_id = study
    store.corrections.correct(key, file_id, Corrected(Laterality.BOTH, "L", OWN), who="anna")
    arrival = Arrival(Path("x"), "a" * 64, 9, "a.dcm", file_id)
    store.files.complete(file_id, result(arrival), "e" * 64, "1.1", "done/a")
    assert seen(store, key) == [(Side.LEFT, "lateral", 0.4), (Side.RIGHT, "medial", 0.4)]
    correction = store.studies.content(key).images[0].correction
    assert correction is not None
    assert correction.said == HEADER


def test_it_is_taken_back_to_what_the_header_says(store: Store, study: tuple[str, str]) -> None:
    key, file_id = study
    before = seen(store, key)
    store.corrections.correct(key, file_id, Corrected(Laterality.BOTH, "L", OWN), who="anna")
    assert store.corrections.correct(key, file_id, Corrected(), who="carl")
    assert seen(store, key) == before
    image = store.studies.content(key).images[0]
    assert (image.laterality, image.column_zero_side, image.spacing) == (Laterality.UNKNOWN, "", COARSE)
    assert image.correction is not None
    assert not image.correction.is_in_force


@pytest.mark.parametrize("wrong", [("0", None), (None, "0")])
def test_an_image_of_another_study_is_unknown(
    store: Store, study: tuple[str, str], wrong: tuple[str | None, str | None]
) -> None:
    key, file_id = (given or known for given, known in zip(wrong, study, strict=True))
    with pytest.raises(UnknownRecord):
        store.corrections.correct(key, file_id, Corrected(spacing=OWN), who="anna")


def test_it_goes_when_its_file_is_erased(store: Store, study: tuple[str, str]) -> None:
    key, file_id = study
    store.corrections.correct(key, file_id, Corrected(spacing=OWN), who="anna")
    found = store.erasures.look(Whose(patient_id="P-1"))
    assert store.erasures.intend(found, (), (), abandoned=(), reason=ErasureReason.FORGET, who="console")
    assert store.erasures.erase_rows(ErasureReason.FORGET)["corrections"] == 1
