"""Views: what is shown of a crop, and where on it that lies."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from koa_worker.knee.grading.views import WHOLE, Part, View


def crop() -> np.ndarray:
    noise = np.random.default_rng(0).integers(0, 256, (224, 224), np.uint8)
    return np.asarray(cv2.GaussianBlur(noise, (0, 0), 6))


@pytest.mark.parametrize(
    ("name", "view"),
    [
        ("plain", View()),
        ("mirrored", View(mirrored=True)),
        ("mirrored@0.95", View(mirrored=True, scale=0.95)),
        ("levelled-plain", View(levelled=True)),
        ("levelled-mirrored@1.06", View(mirrored=True, scale=1.06, levelled=True)),
    ],
)
def test_names(name: str, view: View) -> None:
    assert View.parse(name) == view


@pytest.mark.parametrize(
    "name",
    [
        "",
        "upside-down",
        "plain@",
        "plain@2",
        "plain@1.06x",
        "plain@0.5",
        "PLAIN",
        "levelled",
        "levelled-levelled-plain",
    ],
)
def test_what_is_no_view(name: str) -> None:
    with pytest.raises(ValueError, match="is no view"):
        View.parse(name)


def test_the_plain_view_is_the_crop_itself() -> None:
    assert np.array_equal(View().show(crop()), crop())
    assert View().shown(WHOLE) == WHOLE


def test_mirrored_and_scaled_views_are_mirror_images_of_each_other() -> None:
    straight, mirrored = View(scale=1.06).show(crop()), View(mirrored=True, scale=1.06).show(crop())
    assert np.abs(straight[:, ::-1].astype(int) - mirrored).max() <= 1


def test_the_middle_stays_and_the_rest_moves_outwards() -> None:
    spots = np.zeros((225, 225), np.uint8)
    spots[112, 112] = spots[112, 162] = 255
    shown = cv2.GaussianBlur(View(scale=1.2).show(spots), (0, 0), 1)
    assert shown[112, 112] == shown[110:115, 110:115].max() > 0
    assert shown[112, 172] == shown[:, 130:].max() > 0


def test_a_levelled_view_turns_the_crop_by_the_tilt_and_any_other_does_not() -> None:
    falling = np.zeros((224, 224), np.uint8)  # a line that falls by 5 degrees to the right
    rows = np.round(111.5 + np.tan(np.radians(5)) * (np.arange(224) - 111.5)).astype(int)
    falling[rows, np.arange(224)] = 255
    shown = View(levelled=True).show(falling, 5.0)
    assert set(shown[:, 20:204].argmax(axis=0)) <= {111, 112}
    assert np.array_equal(View(levelled=True).show(falling, 0.0), falling)
    assert np.array_equal(View().show(falling, 5.0), falling)
    assert np.array_equal(View(mirrored=True, levelled=True).show(falling, 5.0), shown[:, ::-1])


def test_what_lies_beyond_the_edge_looks_like_the_edge() -> None:
    halves = np.zeros((224, 224), np.uint8)
    halves[:, 112:] = 200
    shown = View(scale=0.9).show(halves)
    assert not shown[:, 0].any()
    assert (shown[:, -1] == 200).all()


def test_a_part_lies_where_the_view_shows_it() -> None:
    part = View(mirrored=True, scale=1.25).shown(Part(0.5, 0.0, 1.0, 0.25))
    assert (part.top, part.left, part.bottom, part.right) == pytest.approx((0.5, 0.7, 0.9, 0.9))
