"""The worklist: what came in, newest first."""

from __future__ import annotations

from flask import Blueprint, render_template

from koa_worker.store import Role
from koa_worker.web.access import needs
from koa_worker.web.desk import desk

pages = Blueprint("worklist", __name__)


@pages.get("/")
@needs(Role.VIEW)
def show() -> str:
    return render_template("worklist.html", status=desk().store.status())
