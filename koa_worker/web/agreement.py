"""The agreement of readers with one another and with the model: quadratic kappa and confusion matrices."""

from __future__ import annotations

from collections.abc import Sequence

from flask import Blueprint, render_template

from koa_worker.values import GRADES, Role
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


@pages.get("")
@needs(Role.READ)
@not_for_blind
def show() -> str:
    found = context().store.site_scales.agreements(everybody=True)
    kinds = [(title, [one for one in found if one.blind is blind]) for blind, title in _KINDS]
    return render_template("agreement.html", kinds=[kind for kind in kinds if kind[1]])


def add(*matrices: Matrix) -> list[list[int]]:
    return [[sum(matrix[row][column] for matrix in matrices) for column in GRADES] for row in GRADES]
