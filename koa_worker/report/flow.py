"""Lays blocks out on pages: on as few pages as possible, with the images as large as that allows."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from typing import Protocol

from koa_worker.report.sheet import Sheet

SCALES = tuple(step / 100 for step in range(150, 57, -3))  # of the images; the words keep their size


class Block(Protocol):
    """A part of the page that is kept together."""

    def height(self, scale: float, /) -> float:
        """The height of the block, in points, with its images at this scale."""

    def draw(self, sheet: Sheet, y: float, scale: float, /) -> None:
        """Draws the block below y."""


def lay_out(blocks: Sequence[Block], first_room: float, later_room: float) -> tuple[float, list[list[Block]]]:
    """The scale and the blocks of each page. Blocks grow with the scale, so that bisection finds the largest one."""
    smallest = _fill(blocks, SCALES[-1], first_room, later_room)

    def is_too_large(scale: float) -> bool:
        if any(block.height(scale) > later_room for block in blocks):
            return True
        return len(_fill(blocks, scale, first_room, later_room)) != len(smallest)

    found = bisect_left(SCALES, True, key=lambda scale: not is_too_large(scale))
    scale = SCALES[min(found, len(SCALES) - 1)]
    return scale, _fill(blocks, scale, first_room, later_room)


def _fill(blocks: Sequence[Block], scale: float, first_room: float, later_room: float) -> list[list[Block]]:
    pages: list[list[Block]] = [[]]
    room = first_room
    for block in blocks:
        height = block.height(scale)
        if height > room and pages[-1]:
            pages.append([])
            room = later_room
        pages[-1].append(block)
        room -= height
    return pages
