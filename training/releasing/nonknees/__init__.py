"""Images that must not be graded, made from training crops: implants, other views and body parts, nonsense.

A gate that was fitted to real implants or ankles would know only those few. These are drawn with many variations, so
that all real images of these kinds can be used for testing.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from koa_worker.knee.grading.familiar import Kind
from koa_worker.knee.grading.prepare import Picture

from .canvas import Chance
from .implants import implant
from .joints import ankle
from .nonsense import nonsense
from .parts import blurred, bones, elsewhere, other_view, rearranged
from .projections import lateral, skyline

Maker = Callable[[Picture, Chance], Picture]

_MAKERS: tuple[tuple[float, Kind, Maker], ...] = (
    (0.34, Kind.IMPLANT, implant),
    (0.08, Kind.VIEW, other_view),
    (0.10, Kind.VIEW, lateral),
    (0.04, Kind.VIEW, skyline),
    (0.10, Kind.OTHER, elsewhere),
    (0.06, Kind.OTHER, rearranged),
    (0.10, Kind.OTHER, bones),
    (0.06, Kind.OTHER, ankle),
    (0.10, Kind.OTHER, nonsense),
    (0.02, Kind.BLUR, blurred),
)
_SHARES = [share for share, _, _ in _MAKERS]


def make(crop: Picture, chance: Chance) -> tuple[Kind, Picture]:
    """An image of a random kind, made from this crop, and its kind."""
    _, kind, maker = _MAKERS[int(chance.choice(len(_MAKERS), p=_SHARES))]
    return kind, maker(crop, chance)


def turn(crop: Picture, chance: Chance) -> tuple[Kind, Picture]:
    """A knee that lies on its side or on its head."""
    quarters = int(chance.integers(1, 4))
    kind = (Kind.QUARTER, Kind.HALF, Kind.THREE_QUARTERS)[quarters - 1]
    return kind, np.ascontiguousarray(np.rot90(crop, quarters))
