"""Pictures as bytes: small frames, crops bit for bit."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from koa_worker.knee.finding.density import halve
from koa_worker.store.encoding.pictures import decode_crop, decode_heatmap, encode_crop, encode_frame, encode_heatmap


def _decoded(data: bytes) -> NDArray[Any]:
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    assert picture is not None
    return picture


@pytest.mark.parametrize(
    ("shape", "small"),
    [((2500, 2000), (900, 720)), ((1000, 3000), (300, 900)), ((224, 224), (224, 224)), ((9000, 1), (900, 1))],
)
def test_a_frame_keeps_its_shape_and_is_never_enlarged(shape: tuple[int, int], small: tuple[int, int]) -> None:
    assert _decoded(encode_frame(np.zeros(shape, np.uint8))).shape == small


@pytest.mark.parametrize("shape", [(2500, 2000), (2501, 2003), (1200, 1000)])
def test_a_half_that_is_there_already_gives_the_same_frame(shape: tuple[int, int]) -> None:
    pixels = np.random.default_rng(1).integers(0, 4096, shape, dtype=np.uint16)
    assert encode_frame(pixels, halve(pixels)) == encode_frame(pixels)


def test_eight_bits_are_kept_as_they_are() -> None:
    assert abs(int(_decoded(encode_frame(np.full((300, 300), 90, np.uint8))).mean()) - 90) <= 1


def test_a_bilateral_plate_takes_little_room() -> None:
    ramp = np.tile(np.linspace(0, 65535, 2000).astype(np.uint16), (2500, 1))
    noisy = ramp // 2 + np.random.default_rng(0).integers(0, 4000, ramp.shape, np.uint16)
    assert len(encode_frame(noisy)) < 120_000


def test_crops_and_heatmaps_come_back_bit_for_bit() -> None:
    random = np.random.default_rng(1)
    crop = random.integers(0, 256, (224, 224), np.uint8)
    data = encode_crop(crop)
    np.testing.assert_array_equal(decode_crop(data), crop)
    for number in range(10):  # so many that the first is decoded from its bytes
        encode_crop(np.full((224, 224), number, np.uint8))
    np.testing.assert_array_equal(decode_crop(data), crop)
    warmth = random.random((7, 7)).astype(np.float32)
    np.testing.assert_array_equal(decode_heatmap(encode_heatmap(warmth)), warmth)
    assert len(encode_heatmap(warmth)) < 400
