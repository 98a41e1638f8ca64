"""The stored form of a graded file: all its values, and images as bytes instead of pixels."""

from __future__ import annotations

import pickle
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from koa_worker.knee.finding.density import halve
from koa_worker.store import encode
from koa_worker.store.encoding.pictures import decode_crop, decode_heatmap
from koa_worker.values import Completed


@pytest.fixture
def graded(make: Any) -> Completed:
    knees = (make.knee(3), make.knee(1, x=700))
    outcome: Completed = make.graded(make.arrival("a"), *knees, shape=(2501, 2003))
    return outcome


def test_it_knows_how_large_the_radiograph_is_and_no_pixels_of_it(graded: Completed) -> None:
    result = encode(graded)
    assert (result.frame.height, result.frame.width) == (2501, 2003)
    noise = sum(len(picture) for picture in (result.frame.jpeg, *(knee.crop for knee in result.knees)))
    assert len(pickle.dumps(result)) < noise + 6_000 < graded.radiograph.pixels.nbytes / 10


def test_crops_and_heatmaps_are_the_graded_ones_bit_for_bit(graded: Completed) -> None:
    for knee, kept in zip(graded.knees, encode(graded).knees, strict=True):
        np.testing.assert_array_equal(decode_crop(kept.crop), knee.crop)
        np.testing.assert_array_equal(decode_heatmap(kept.heatmap), knee.heatmap.values)
        assert (kept.roi, kept.grade, kept.joint_space) == (knee.roi, knee.grade, knee.joint_space)


def test_a_frame_that_was_halved_already_gives_the_same_picture(graded: Completed) -> None:
    radiograph = replace(graded.radiograph, half=halve(graded.radiograph.pixels))
    assert encode(replace(graded, radiograph=radiograph)) == encode(graded)


def test_it_names_nobody_when_it_is_printed(graded: Completed) -> None:
    result = encode(graded)
    assert (result.study, result.patient) == (graded.radiograph.study, graded.radiograph.patient)
    assert not any(secret in repr(result) for secret in ("Ivanova", "P-17", "A-1", "1.2.3"))
