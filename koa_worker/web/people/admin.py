"""The page for administrators: the users and the audit log."""

from __future__ import annotations

from flask import Blueprint, abort, render_template, request

from koa_worker.store import Role
from koa_worker.web.context import context
from koa_worker.web.guard.access import needs
from koa_worker.web.guard.audit import note
from koa_worker.web.guard.senseless import LARGEST_NUMBER

pages = Blueprint("admin", __name__, url_prefix="/admin")

_AT_A_TIME = 100


@pages.get("")
@needs(Role.ADMIN)
def show() -> str:
    """The audit log, newest first, filtered by user or by study."""
    who, subject = request.args.get("who", "").strip(), request.args.get("subject", "").strip()
    before = request.args.get("before", type=int)
    if before is not None and before > LARGEST_NUMBER:
        abort(400)
    store = context().store
    entries = store.audit.entries(before=before, limit=_AT_A_TIME, who=who or None, subject=subject or None)
    if before is None:
        note("audit", subject, who)
    older = entries[-1].id if len(entries) == _AT_A_TIME else None
    return render_template(
        "admin.html", users=store.accounts.users(), entries=entries, older=older, who=who, subject=subject
    )
