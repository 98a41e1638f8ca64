"""Access control: it finds the user of each request (`g.user`) and checks the role that the route needs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from flask import Flask, Response, current_app, g, redirect, request, url_for

from koa_worker.store import Role, UserRecord
from koa_worker.web.context import context
from koa_worker.web.guard import hosts
from koa_worker.web.guard.audit import note, note_stranger
from koa_worker.web.guard.forgery import shown_secret
from koa_worker.web.guard.passwords import secret_hash
from koa_worker.web.guard.refusals import API, refuse
from koa_worker.web.guard.visitor import By, Visitor

View = TypeVar("View", bound=Callable[..., Any])

_MARK = "koa_needs"
_SCHEME = "bearer "


LOCAL = Visitor("local", Role.ADMIN, By.PLACE)


def needs(role: Role) -> Callable[[View], View]:
    """Marks a view with the role that it needs; higher roles may use it too. A view without a mark admits nobody."""
    return _marked(role)


def for_everyone(view: View) -> View:
    """Marks a view that needs no login."""
    return _marked(None)(view)


def may_see_patients() -> bool:
    """Whether the user may see patient data: name, ID, birth date, accession number, file name and whole images."""
    user: Visitor | None = g.get("user")
    return user is not None and user.role.may(Role.READ)


def is_open() -> bool:
    """Whether no users exist, so that only requests from this machine are answered."""
    return g.get("user") is LOCAL


def guard(app: Flask) -> None:
    for_everyone(app.view_functions["static"])
    app.before_request(_recognize)
    app.before_request(_admit)
    app.context_processor(_words)


def _marked(role: Role | None) -> Callable[[View], View]:
    def mark(view: View) -> View:
        setattr(view, _MARK, role)
        return view

    return mark


def _words() -> dict[str, object]:
    return {"user": g.get("user"), "is_open": is_open, "may_see_patients": may_see_patients, "Role": Role}


def _recognize() -> None:
    """Sets `g.user`; it is None if the request has no valid login or token."""
    g.user = None
    store = context().store
    if not store.accounts.has_users():
        if not hosts.is_here():
            refuse(403, "not_here")
        g.user = LOCAL
        return
    if not hosts.is_ours(context().config.web):
        refuse(403, "not_here")
    shown = request.headers.get("Authorization", "")
    if shown[: len(_SCHEME)].lower() == _SCHEME:
        g.user = _visitor(store.accounts.shown_token(secret_hash(shown[len(_SCHEME) :].strip())), By.TOKEN)
    elif secret := shown_secret():
        g.user = _visitor(store.accounts.logged_in(secret_hash(secret)), By.LOGIN)


def _visitor(user: UserRecord | None, by: By) -> Visitor | None:
    return Visitor(user.name, user.role, by) if user else None


def _admit() -> Response | None:
    if request.endpoint is None:  # unknown URL: Flask answers with 404
        return None
    role = getattr(current_app.view_functions[request.endpoint], _MARK, Role)
    if role is None:
        return None
    if g.user is None:
        note_stranger("denied")
        if request.method == "GET" and not request.path.startswith(API):
            # The redirection is werkzeug's Response, of which Flask's is a subclass.
            return redirect(url_for("login.ask", next=request.full_path.rstrip("?")), 303)  # type: ignore[return-value]
        refuse(401, "not_logged_in")
    if role is Role or not g.user.role.may(role):
        note("denied", detail=request.endpoint)
        refuse(403, "not_allowed")
    return None
