"""The order in which films hang."""

from __future__ import annotations

from types import SimpleNamespace as Some
from typing import Any

import pytest

from koa_worker.values import Side
from koa_worker.web.hanging import edges, hanging


def image(name: str, *sides: Side, refused: tuple[Side, ...] = (), zero: str = "") -> Any:
    seen, others = ([Some(roi=Some(side=side)) for side in found] for found in (sides, refused))
    return Some(name=name, knees=seen, refused=others, column_zero_side=zero)


def test_the_right_knee_hangs_on_the_left() -> None:
    films = [
        image("none", Side.UNKNOWN),
        image("left", Side.LEFT),
        image("both", Side.RIGHT, refused=(Side.LEFT,)),
        image("right", Side.RIGHT),
        image("right again", refused=(Side.RIGHT,)),
    ]
    assert [film.name for film in hanging(films)] == ["right", "right again", "both", "left", "none"]


@pytest.mark.parametrize(("zero", "letters"), [("R", ("R", "L")), ("L", ("L", "R")), ("", ("", ""))])
def test_the_edges_are_named_only_where_they_are_known(zero: str, letters: tuple[str, str]) -> None:
    assert edges(image("x", zero=zero)) == letters
