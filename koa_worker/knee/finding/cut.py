"""Cuts a box out of an image, also where the box reaches beyond it."""

from __future__ import annotations

import numpy as np

from koa_worker.values import Box, GrayImage


def cut(pixels: GrayImage, box: Box) -> GrayImage:
    """The pixels in the box; beyond the image, edge rows and columns are repeated."""
    height, width = pixels.shape
    right, bottom = box.x + box.width, box.y + box.height
    if box.x >= 0 and right <= width and box.y >= 0 and bottom <= height:
        return pixels[box.y : bottom, box.x : right]
    rows = np.clip(np.arange(box.y, bottom), 0, height - 1)
    columns = np.clip(np.arange(box.x, right), 0, width - 1)
    return pixels[np.ix_(rows, columns)]
