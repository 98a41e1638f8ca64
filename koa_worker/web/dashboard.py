"""The dashboard: how the work goes."""

from __future__ import annotations

from flask import Blueprint, render_template

from koa_worker.store import Role
from koa_worker.web.access import needs
from koa_worker.web.desk import desk

pages = Blueprint("dashboard", __name__, url_prefix="/dashboard")


@pages.get("")
@needs(Role.VIEW)
def show() -> str:
    return render_template("dashboard.html", status=desk().store.status())
