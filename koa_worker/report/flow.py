"""Arranges blocks on pages: as few pages as possible, none of them half empty, with large images."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import Protocol

from koa_worker.report.sheet import Sheet

SCALES = tuple(step / 100 for step in range(150, 50, -3))  # of the images; the words keep their size
TIGHT = tuple(step / 100 for step in range(48, 34, -3))  # only if that saves a page
HALF = 0.5  # of a page
MOST_BALANCED = 60  # blocks; the pages of more are filled one after the other


class Block(Protocol):
    """A part of the page that is kept together."""

    def height(self, scale: float, /) -> float:
        """The height of the block, in points, with its images at this scale."""

    def draw(self, sheet: Sheet, y: float, scale: float, /) -> None:
        """Draws the block below y."""


def lay_out(
    blocks: Sequence[Block],
    first_room: float,
    later_room: float,
    first: int = 1,
    *,
    is_scaled: Callable[[Block], bool] = lambda _: True,
) -> tuple[float, list[list[Block]]]:
    """The blocks of each page, and the largest scale that needs no further page and leaves none half empty.

    The `first` blocks are kept on the first page if they fit. Those that are not scaled are measured once.
    """
    rooms = (first_room, later_room)
    fixed = [None if is_scaled(block) else block.height(SCALES[-1]) for block in blocks]

    def measured(scale: float) -> list[float]:
        return [block.height(scale) if known is None else known for block, known in zip(blocks, fixed, strict=True)]

    fewest = len(_fill(measured(TIGHT[-1]), rooms))
    scales = SCALES if len(_fill(measured(SCALES[-1]), rooms)) == fewest else TIGHT
    best: tuple[float, float, list[int]] | None = None  # how full the emptiest page is, the scale, the pages' ends
    for scale in scales:
        heights = measured(scale)
        ends = _fill(heights, rooms)
        if scale > scales[-1] and (len(ends) > fewest or max(heights) > later_room):
            continue
        if len(ends) > 1 and len(blocks) <= MOST_BALANCED and _emptiest(heights, ends, rooms) < HALF:
            ends = _balance(heights, len(ends), rooms, first)
        full = 1.0 if len(ends) == 1 else min(HALF, _emptiest(heights, ends, rooms))
        if best is None or full > best[0]:
            best = (full, scale, ends)
        if full >= HALF or len(blocks) > MOST_BALANCED:
            break
    assert best is not None  # the smallest scale always gives one  # noqa: S101
    _, scale, ends = best
    return scale, [list(blocks[start:end]) for start, end in zip([0, *ends], ends, strict=False)]


def _fill(heights: Sequence[float], rooms: tuple[float, float]) -> list[int]:
    """The end of each page if each takes as many blocks as it can."""
    ends: list[int] = []
    room, start = rooms[0], 0
    for at, height in enumerate(heights):
        if height > room and at > start:
            ends.append(at)
            room, start = rooms[1], at
        room -= height
    return [*ends, len(heights)]


def _emptiest(heights: Sequence[float], ends: Sequence[int], rooms: tuple[float, float]) -> float:
    """How much of the emptiest page is filled."""
    starts = [0, *ends]
    return min(
        sum(heights[start:end]) / rooms[page > 0] for page, (start, end) in enumerate(zip(starts, ends, strict=False))
    )


def _balance(heights: Sequence[float], pages: int, rooms: tuple[float, float], first: int) -> list[int]:
    """The ends of this number of pages, chosen so that the emptiest one is as full as possible."""
    sums = [0.0, *accumulate(heights)]
    found: dict[int, tuple[float, list[int]]] = {0: (1.0, [])}  # for each end of the pages so far
    for page in range(pages):
        further: dict[int, tuple[float, list[int]]] = {}
        for start, (full, ends) in found.items():
            for end in range(max(start + 1, first if page == 0 else 0), len(heights) + 1):
                share = (sums[end] - sums[start]) / rooms[page > 0]
                if share > 1.0 and end > start + 1:
                    break
                if end not in further or min(full, share) > further[end][0]:
                    further[end] = (min(full, share), [*ends, end])
        found = further
    return found[len(heights)][1] if len(heights) in found else _fill(heights, rooms)
