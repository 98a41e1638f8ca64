"""Sending the results of a study again from its page."""

from __future__ import annotations

from flask import Blueprint, redirect, url_for
from werkzeug.wrappers import Response

from koa_worker.values import Role
from koa_worker.web.context import context
from koa_worker.web.guard.access import needs
from koa_worker.web.guard.audit import note
from koa_worker.web.study import find

pages = Blueprint("deliveries", __name__, url_prefix="/studies/<key>/deliveries")


@pages.post("/again")
@needs(Role.READ)
def send_again(key: str) -> Response:
    """Sends all results of the study again, as `koa-worker send REPORT` does; the daemon's sender makes them."""
    find(key)
    store = context().store
    store.sending.send_again([key])
    store.sending.wake_parcels()
    note("sent_again", key)
    return redirect(url_for("study.show", key=key, done="sent", _anchor="delivery"), 303)


@pages.post("/now")
@needs(Role.READ)
def try_now(key: str) -> Response:
    """Makes all waiting and refused objects of all studies due now, as `koa-worker send` does."""
    find(key)
    context().store.sending.wake_parcels()
    note("sending_woken", key)
    return redirect(url_for("study.show", key=key, done="woken", _anchor="delivery"), 303)
