"""Access control: it finds the user of each request (`g.user`) and checks the role that the route needs."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any, TypeVar

from flask import Flask, Response, current_app, g, redirect, request, url_for

from koa_worker.store import Role
from koa_worker.store.records.users import UserRecord
from koa_worker.web.context import context
from koa_worker.web.guard import hosts
from koa_worker.web.guard.audit import caller, note, note_stranger
from koa_worker.web.guard.forgery import shown_secret
from koa_worker.web.guard.passwords import secret_hash
from koa_worker.web.guard.refusals import API, refuse
from koa_worker.web.guard.sign_on import SignOn, Spoofed, of_environment
from koa_worker.web.guard.visitor import By, Visitor

View = TypeVar("View", bound=Callable[..., Any])

_MARK = "koa_needs"
_SCHEME = "bearer "
_SIGN_ON = "koa-sign-on"
_SIGN_ON_NOTED_FOR = timedelta(hours=12)  # the proxy does not give the start of its session


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


def guard(app: Flask, sign_on: SignOn | None) -> None:
    app.extensions[_SIGN_ON] = sign_on
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
    settings = context().config.web
    user: Visitor | None = g.get("user")
    signed_on = user is not None and user.by is By.SIGN_ON
    return {
        "signed_on": signed_on,
        "sign_on_logout": settings.sign_on_logout,
        "user": user,
        "is_open": is_open,
        "may_see_patients": may_see_patients,
        "Role": Role,
    }


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
    if _is_signed_on():
        return
    shown = request.headers.get("Authorization", "")
    if shown[: len(_SCHEME)].lower() == _SCHEME:
        g.user = _visitor(store.accounts.shown_token(secret_hash(shown[len(_SCHEME) :].strip())), By.TOKEN)
    elif secret := shown_secret():
        g.user = _visitor(store.accounts.logged_in(secret_hash(secret)), By.LOGIN)


def _is_signed_on() -> bool:
    """Whether the proxy names the user; then cookies and tokens of the request are ignored."""
    sign_on: SignOn | None = current_app.extensions[_SIGN_ON]
    said = of_environment(request.environ) if sign_on else {}
    if sign_on is None or not sign_on.is_used(said):
        return False
    g.came_by_sign_on = True
    try:
        name = sign_on.name(said)
    except Spoofed:
        note_stranger("sign_on_spoofed")
        refuse(403, "spoofed_sign_on")
    user = context().store.accounts.find_user(name) if name else None
    if user is not None and user.locked_at is None:
        g.user = _visitor(user, By.SIGN_ON)
        if not context().store.rate_limits.use(f"signed_on:{user.name}:{caller()}", 1, _SIGN_ON_NOTED_FOR):
            note("signed_on")
    return True


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
        if g.get("came_by_sign_on"):  # a login on this page would not help
            refuse(403, "unknown_sign_on")
        if request.method == "GET" and not request.path.startswith(API):
            # The redirection is werkzeug's Response, of which Flask's is a subclass.
            return redirect(url_for("login.ask", next=request.full_path.rstrip("?")), 303)  # type: ignore[return-value]
        refuse(401, "not_logged_in")
    if role is Role or not g.user.role.may(role):
        note("denied", detail=request.endpoint)
        refuse(403, "not_allowed")
    return None
