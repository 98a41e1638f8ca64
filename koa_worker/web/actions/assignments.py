"""The page of assignments: the progress of each reader."""

from __future__ import annotations

from flask import Blueprint, render_template

from koa_worker.values import Role
from koa_worker.web.context import context
from koa_worker.web.guard.access import needs

pages = Blueprint("assignments", __name__, url_prefix="/assignments")


@pages.get("")
@needs(Role.READ)
def show() -> str:
    return render_template("assignments.html", progress=context().store.assignments.progress())
