"""The agreement between readers and the model: quadratic kappa and confusion matrices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from flask import Blueprint, render_template

from koa_worker.values import GRADES, Role
from koa_worker.watch.agreement import quadratic_kappa
from koa_worker.web.context import context
from koa_worker.web.guard.access import needs

pages = Blueprint("agreement", __name__, url_prefix="/agreement")

Matrix = Sequence[Sequence[int]]


@dataclass(frozen=True, slots=True)
class Agreement:
    """The agreement of two graders on the knees that both graded."""

    one: str  # the grader of the rows
    other: str  # the grader of the columns
    matrix: Matrix
    knees: int
    exact: float  # share with the same grade
    within_one: float
    kappa: float | None  # quadratic; None where it is not defined, as when all grades are the same

    @classmethod
    def of(cls, one: str, other: str, matrix: Matrix) -> Self:
        knees = sum(map(sum, matrix))
        near = [
            sum(matrix[row][column] for row in GRADES for column in GRADES if abs(row - column) <= most)
            for most in (0, 1)
        ]
        return cls(one, other, matrix, knees, near[0] / knees, near[1] / knees, quadratic_kappa(matrix))


@pages.get("")
@needs(Role.READ)
def show() -> str:
    store = context().store
    with_model = store.reader_grades.agreement()
    return render_template(
        "agreement.html",
        with_model=[Agreement.of(reader, "the model", matrix) for reader, matrix in with_model.items()],
        everybody=Agreement.of("all readers", "the model", _sum(with_model)) if len(with_model) > 1 else None,
        readers=[
            Agreement.of(one, other, matrix) for (one, other), matrix in store.reader_grades.reader_agreement().items()
        ],
    )


def _sum(matrices: Mapping[str, Matrix]) -> Matrix:
    return [[sum(matrix[row][column] for matrix in matrices.values()) for column in GRADES] for row in GRADES]
