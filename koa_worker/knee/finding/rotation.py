"""Turns a frame by quarters, and converts positions in it back to the stored image."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from koa_worker.values import Box, KneeRoi, Radiograph

_OTHER_SIDE = {"R": "L", "L": "R"}


def turned(radiograph: Radiograph, quarters: int) -> Radiograph:
    """The frame turned anticlockwise by quarters.

    After two quarters the other side is at column 0. After one or three, no side is at column 0.
    """
    side = _OTHER_SIDE.get(radiograph.column_zero_side, "") if quarters == 2 else ""
    pixels = np.ascontiguousarray(np.rot90(radiograph.pixels, quarters))
    return replace(radiograph, pixels=pixels, half=None, column_zero_side=side)


def as_stored(roi: KneeRoi, quarters: int, height: int, width: int) -> KneeRoi:
    """A region of the turned frame in pixels of the stored frame, whose height and width are given."""
    box, long, short = roi.box, *((width, height) if quarters % 2 else (height, width))
    for _ in range(quarters):  # each step turns by a quarter clockwise, from a frame that is `long` pixels high
        box = Box(long - box.y - box.height, box.x, box.height, box.width)
        long, short = short, long
    return replace(roi, box=box, turned=quarters)
