"""A plateau's line and ends are measured to a pixel or two where they are drawn."""

from __future__ import annotations

import numpy as np
import pytest

from koa_worker.knee.finding.density import Plane
from koa_worker.knee.finding.evidence import Grid, edges
from koa_worker.knee.finding.plateau import Plateau, measure

SIZE, WIDTH = 208, 80  # a plateau's surroundings as they are measured: 2.6 plateaus


def joint(tilt: float = 0.0, gap: int = 5) -> Plane:
    """Two blocks of bone 80 wide in soft tissue, a dark space of `gap` rows between them at the middle."""
    rows, columns = np.mgrid[0:SIZE, 0:SIZE].astype(float)
    line = SIZE / 2 + tilt * (columns - SIZE / 2)
    bone = (np.abs(columns - SIZE / 2 + 0.5) <= WIDTH / 2) & (np.abs(rows - line) > gap / 2)
    return np.asarray(0.4 + 0.4 * bone, dtype=np.float32)


@pytest.mark.parametrize("tilt", [-0.1, 0.0, 0.1])
@pytest.mark.parametrize("off", [(0.0, 0.0, 1.0), (4.0, -5.0, 1.06), (-4.0, 5.0, 0.94)])
def test_the_rough_plateau_becomes_exact(tilt: float, off: tuple[float, float, float]) -> None:
    down, across = edges(joint(tilt), Grid(SIZE, SIZE, WIDTH, 1))
    middle = SIZE / 2 - 0.5
    found = measure(down, across, Plateau(middle + off[0], middle + off[1], WIDTH * off[2]))
    assert found.x == pytest.approx(middle, abs=2)
    assert found.y == pytest.approx(middle, abs=2)
    assert found.width == pytest.approx(WIDTH, rel=0.05)


def test_nothing_to_measure_leaves_it_as_it_was() -> None:
    flat = np.zeros((SIZE, SIZE), np.float32)
    found = measure(flat, flat, Plateau(100, 90, WIDTH))
    assert (found.x, found.y) == (100, 90)
