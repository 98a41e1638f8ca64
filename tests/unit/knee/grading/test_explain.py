"""The closed form is the gradient, and the heat lies where the net looked."""

from __future__ import annotations

import io
import os
from typing import Any

import cv2
import numpy as np
import pytest

from koa_worker.knee.grading.explain import FeatureMap, Head, Singles, activation, heatmap, overlay
from koa_worker.knee.grading.views import Part, View
from koa_worker.values import GRADES, Heatmap


def make_head(channels: int = 24, hidden: int = 16, seed: int = 0) -> Head:
    random = np.random.default_rng(seed)
    shapes = ((channels, hidden), (hidden,), (hidden, len(GRADES)), (len(GRADES),))
    return Head(*(random.normal(size=shape).astype(np.float32) for shape in shapes))


def make_features(channels: int = 24, seed: int = 1) -> Singles:
    return np.random.default_rng(seed).uniform(0, 6, (7, 7, channels)).astype(np.float32)


def find_tensorflow() -> Any:
    """Only training needs TensorFlow; where everything is checked it has to be there."""
    if "CI" in os.environ:
        import tensorflow as tf  # noqa: PLC0415

        return tf
    return pytest.importorskip("tensorflow")


@pytest.mark.parametrize("kl", GRADES)
def test_activation_is_that_of_a_gradient_tape(kl: int) -> None:
    tf = find_tensorflow()
    head, features = make_head(), make_features()
    variable = tf.Variable(features[None])
    with tf.GradientTape() as tape:
        hidden = tf.nn.relu(tf.reduce_mean(variable, [1, 2]) @ head.w1 + head.b1)
        logit = (hidden @ head.w2 + head.b2)[0, kl]
    weights = tf.reduce_mean(tape.gradient(logit, variable), [0, 1, 2])
    expected = tf.nn.relu(tf.reduce_sum(variable[0] * weights, axis=-1)).numpy()
    assert expected.max() > 0
    np.testing.assert_allclose(
        activation(FeatureMap(features, head, mirrored=False), kl), expected, rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize("kl", GRADES)
def test_activation_is_what_a_nudge_of_the_features_does(kl: int) -> None:
    head = make_head()
    exact = Head(*(getattr(head, name).astype(np.float64) for name in ("w1", "b1", "w2", "b2")))
    features = make_features().astype(np.float64)
    gradient = np.empty(features.shape[-1])
    for channel in range(len(gradient)):
        nudged = features.copy()
        nudged[3, 3, channel] += 1e-5
        gradient[channel] = (exact.logits(nudged)[kl] - exact.logits(features)[kl]) / 1e-5
    expected = np.maximum(features @ gradient, 0)
    made = activation(FeatureMap(features.astype(np.float32), head, mirrored=False), kl)
    np.testing.assert_allclose(made, expected, rtol=1e-3, atol=1e-4)


def head_of_one_channel() -> Head:
    """Grade 3 rises with channel 0; nothing else counts."""
    w2 = np.zeros((1, len(GRADES)), np.float32)
    w2[0, 3] = 1
    return Head(np.ones((1, 1), np.float32), np.zeros(1, np.float32), w2, np.zeros(len(GRADES), np.float32))


def spot(row: int, column: int, strength: float = 1.0) -> Singles:
    features = np.zeros((7, 7, 1), np.float32)
    features[row, column] = strength
    return features


def test_heat_lies_where_the_features_are() -> None:
    values = heatmap((FeatureMap(spot(2, 5), head_of_one_channel(), mirrored=False),), 3).values
    assert values[2, 5] == 1
    assert values.sum() == 1


def test_a_mirrored_view_is_turned_back() -> None:
    head = head_of_one_channel()
    pair = (FeatureMap(spot(2, 5), head, mirrored=False), FeatureMap(spot(2, 1), head, mirrored=True))
    values = heatmap(pair, 3).values
    assert values[2, 5] == 1
    assert values.sum() == 1


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("part", [Part(0.0, 0.0, 1.0, 1.0), Part(0.25, 0.0, 0.75, 1.0)])
def test_heat_of_a_turned_view_lies_where_it_does_in_the_crop(part: Part, mirrored: bool) -> None:
    """A bright corner of the crop is looked at in a turned view, and the heat comes back to that corner."""
    crop = np.zeros((224, 224), np.float32)
    crop[80:96, 176:192] = 1
    shown = View(mirrored=mirrored, levelled=True).show(crop, 8.0)
    rows = shown[round(224 * part.top) : round(224 * part.bottom)]
    features = cv2.resize(rows, (14, rows.shape[0] // 16), interpolation=cv2.INTER_AREA)[..., None]
    heat = heatmap((FeatureMap(features, head_of_one_channel(), mirrored=mirrored, part=part, turned=8.0),), 3).values
    down, across = (np.indices(heat.shape) * heat).sum(axis=(1, 2)) / heat.sum()
    assert ((down + 0.5) * 16, (across + 0.5) * 16) == pytest.approx((88, 184), abs=1.5)


def test_members_that_see_finer_agree_on_the_finest_grid() -> None:
    coarse, fine = spot(3, 3), np.zeros((9, 9, 1), np.float32)
    fine[4, 4] = 1
    head = head_of_one_channel()
    heat = heatmap((FeatureMap(coarse, head, mirrored=False), FeatureMap(fine, head, mirrored=False)), 3)
    assert heat.values.shape == (9, 9)
    assert np.unravel_index(heat.values.argmax(), (9, 9)) == (4, 4)


def test_heat_of_a_part_lies_in_that_part() -> None:
    head = head_of_one_channel()
    band = np.zeros((4, 8, 1), np.float32)
    band[0, 7] = 1  # its upper right corner
    values = heatmap((FeatureMap(band, head, mirrored=False, part=Part(0.25, 0.0, 0.75, 1.0)),), 3).values
    assert values.shape == (8, 8)
    assert values[2, 7] == 1
    assert not values[:2].any()
    assert not values[6:].any()


def test_heat_of_a_part_seen_mirrored_is_turned_back_into_place() -> None:
    head, view = head_of_one_channel(), View(mirrored=True)
    half = np.zeros((8, 4, 1), np.float32)
    half[3, 0] = 1  # at the left edge of the mirror image's left half: at the right edge of the crop
    part = view.shown(Part(0, 0, 1, 0.5))
    assert part == Part(0, 0.5, 1, 1)
    values = heatmap((FeatureMap(half, head, mirrored=True, part=part),), 3).values
    assert np.unravel_index(values.argmax(), values.shape) == (3, 7)
    assert not values[:, :4].any()


def test_each_view_has_one_vote_however_loud() -> None:
    head = head_of_one_channel()
    quiet, loud = (FeatureMap(spot(0, column, size), head, mirrored=False) for column, size in ((0, 1.0), (6, 99.0)))
    values = heatmap((quiet, loud), 3).values
    assert values[0, 0] == values[0, 6] == 1


@pytest.mark.parametrize("kl", [0, 4])
def test_a_grade_that_nothing_speaks_for_has_no_heat(kl: int) -> None:
    made = heatmap((FeatureMap(spot(1, 1), head_of_one_channel(), mirrored=False),), kl)
    assert made.kl == kl
    assert not made.values.any()


def test_head_survives_its_file_also_in_half_precision() -> None:
    head, stream = make_head(), io.BytesIO()
    np.savez(stream, **{name: getattr(head, name).astype(np.float16) for name in ("w1", "b1", "w2", "b2")})
    loaded = Head.from_npz(stream.getvalue())
    assert loaded.w1.dtype == np.float32
    np.testing.assert_allclose(loaded.w1, head.w1, atol=2e-3)


def gray(level: int = 100) -> np.ndarray:
    return np.full((224, 224), level, np.uint8)


def heat_at(row: int, column: int) -> Heatmap:
    return Heatmap(spot(row, column)[..., 0], 3)


def test_cold_places_stay_as_they_are() -> None:
    assert np.array_equal(overlay(gray(), Heatmap(np.zeros((7, 7), np.float32), 0)), np.repeat(gray()[..., None], 3, 2))


def test_warm_places_are_coloured_over_the_right_cell() -> None:
    made = overlay(gray(), heat_at(1, 5))
    red, _, blue = made[1 * 32 + 16, 5 * 32 + 16].astype(int)
    assert red > 100 > blue
    assert np.array_equal(made[150:, :100], np.repeat(gray()[150:, :100, None], 3, 2))


def test_the_bone_shows_through() -> None:
    checkered = (np.indices((224, 224)).sum(axis=0) % 2 * 200).astype(np.uint8)
    hot = overlay(checkered, Heatmap(np.ones((7, 7), np.float32), 3))
    assert np.ptp(hot[..., 0].astype(int)) >= 0.55 * 200


def test_opacity_is_how_much_colour() -> None:
    faint, strong = (overlay(gray(), heat_at(3, 3), opacity).astype(int)[112, 112, 0] for opacity in (0.1, 0.8))
    assert 100 < faint < strong
