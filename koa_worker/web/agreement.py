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
from koa_worker.web.guard.blind import not_for_blind

pages = Blueprint("agreement", __name__, url_prefix="/agreement")

Matrix = Sequence[Sequence[int]]

# Readers who know the model's answer agree with it more easily: their readings are never mixed with blind ones.
_KINDS = (
    (True, "Blind readings"),
    (False, "Readings that were not blind"),
    (None, "Readings of which it is not known whether they were blind"),
)


@dataclass(frozen=True, slots=True)
class AgreementTable:
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
@not_for_blind
def show() -> str:
    store = context().store
    with_model = store.reader_grades.agreement()
    between = store.reader_grades.reader_agreement()
    kinds = []
    for blind, title in _KINDS:
        models = {reader: matrix for (reader, was), matrix in with_model.items() if was is blind}
        pairs = [AgreementTable.of(one, other, matrix) for (one, other, was), matrix in between.items() if was is blind]
        if models or pairs:
            kinds.append((title, _everybody(models), pairs))
    return render_template("agreement.html", kinds=kinds)


def _everybody(models: Mapping[str, Matrix]) -> list[AgreementTable]:
    """Of each reader and the model, after that of all of them together."""
    each = [AgreementTable.of(reader, "the model", matrix) for reader, matrix in models.items()]
    return [AgreementTable.of("all readers", "the model", add(*models.values())), *each] if len(each) > 1 else each


def add(*matrices: Matrix) -> list[list[int]]:
    return [[sum(matrix[row][column] for matrix in matrices) for column in GRADES] for row in GRADES]
