"""The result of a worker process is stored in the same way as by the daemon, and once."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from koa_worker.batch.grade_entry import keep
from koa_worker.batch.into_store import put_into_store
from koa_worker.store import State, Store
from koa_worker.values import Arrival, Failed, Rejected, Study
from tests.unit.batch.test_parquet import completed


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(f"sqlite:///{tmp_path}/koa.sqlite3") as opened:
        yield opened


def test_a_graded_file_travels_without_its_pixels_and_is_stored_once(store: Store) -> None:
    outcome = completed()
    kept = keep(replace(outcome, radiograph=replace(outcome.radiograph, pixels=np.zeros((4000, 6000), np.uint16))))
    assert kept is not None
    assert len(pickle.dumps(kept)) < 40_000
    for _ in range(2):
        put_into_store(store, kept, "/archive/x", "ab" * 32, reports=True)
    record = store.files.find(kept.arrival.id)
    assert record is not None
    assert (record.state, record.filed_as) == (State.COMPLETED, "/archive/x")
    assert record.study_key is not None
    (image,) = store.studies.content(record.study_key).images
    assert (image.width, image.height, len(image.knees), len(image.refused)) == (6000, 4000, 2, 1)
    assert cv2.imdecode(np.frombuffer(image.frame_jpeg, np.uint8), cv2.IMREAD_UNCHANGED).shape == (600, 900)


def test_a_rejected_file_is_kept_with_its_study_and_a_failed_one_is_not(store: Store) -> None:
    arrival = Arrival(Path("/scratch/y"), "bb", 9, "Petrov")
    kept = keep(Rejected(arrival, "no_knee", "", Study("1.2", "1.2.4")))
    assert kept is not None
    put_into_store(store, kept, "/archive/y", "ab" * 32, reports=False)
    record = store.files.find(arrival.id)
    assert record is not None
    assert (record.state, record.code, record.filed_as) == (State.REJECTED, "no_knee", "/archive/y")
    assert record.study_key is not None
    assert keep(Failed(arrival, "io", "")) is None
