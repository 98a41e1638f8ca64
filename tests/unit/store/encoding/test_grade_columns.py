"""A grade as columns: what is written is what is selected and what is read again."""

from __future__ import annotations

from dataclasses import fields
from types import SimpleNamespace
from typing import Any, cast

from koa_worker.store.encoding import grade_columns
from koa_worker.values import Grade, ReviewCode, ReviewReason

GRADE = Grade(
    kl=3,
    probabilities=(0.0, 0.125, 0.25, 0.5, 0.125),
    confidence=0.5,
    oa_probability=0.875,
    agreement=0.75,
    review_reasons=(ReviewReason(ReviewCode.TURNED, 180.0),),
    model="net-v1",
    strangeness=-2.5,
    release_probabilities=(0.125, 0.0, 0.5, 0.25, 0.125),
    site="ab" * 32,
)


def test_every_field_of_a_grade_comes_back_as_it_was() -> None:
    empty = Grade(0, (1.0, 0.0, 0.0, 0.0, 0.0), 0.0, 0.0, None, (), "")
    assert all(getattr(GRADE, field.name) != getattr(empty, field.name) for field in fields(Grade))
    for grade in (GRADE, empty):
        row = SimpleNamespace(**grade_columns.to_columns(grade), model=grade.model)
        assert grade_columns.from_row(cast("Any", row)) == grade


def test_what_is_selected_is_what_is_written() -> None:
    selected = {column.key for column in grade_columns.SELECTED}
    assert selected == set(grade_columns.to_columns(GRADE)) - {"needs_review"}
