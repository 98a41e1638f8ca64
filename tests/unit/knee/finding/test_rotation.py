"""A region that was found in a turned frame has the right position in the stored frame."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from koa_worker.knee.finding.rotation import as_stored, turned
from koa_worker.values import Box, KneeRoi, Radiograph, Side, Study


def radiograph(height: int, width: int, zero: str = "") -> Radiograph:
    return Radiograph(
        np.arange(height * width, dtype=np.uint16).reshape(height, width), "PNG", Study("1", "2"), column_zero_side=zero
    )


@given(st.integers(1, 3), st.integers(2, 20), st.integers(2, 20), st.data())
def test_a_box_holds_the_same_pixels(quarters: int, height: int, width: int, data: st.DataObject) -> None:
    frame = radiograph(height, width)
    seen = turned(frame, quarters).pixels
    y, x = (data.draw(st.integers(0, length - 1)) for length in seen.shape)
    part = seen[y : y + data.draw(st.integers(1, seen.shape[0] - y)), x : x + data.draw(st.integers(1, 20))]
    found = as_stored(KneeRoi(Box(x, y, part.shape[1], part.shape[0]), Side.LEFT), quarters, height, width)
    box = found.box
    stored = frame.pixels[box.y : box.y + box.height, box.x : box.x + box.width]
    assert np.array_equal(np.rot90(stored, quarters), part)
    assert (found.turned, found.side) == (quarters, Side.LEFT)


@pytest.mark.parametrize(("quarters", "side"), [(1, ""), (2, "L"), (3, "")])
def test_what_lay_towards_column_zero_lies_opposite_in_a_frame_on_its_head(quarters: int, side: str) -> None:
    assert turned(radiograph(4, 6, "R"), quarters).column_zero_side == side


def test_the_half_of_the_upright_frame_is_none_of_the_turned_one() -> None:
    frame = radiograph(4, 6)
    assert turned(replace(frame, half=frame.pixels[::2, ::2]), 2).half is None
