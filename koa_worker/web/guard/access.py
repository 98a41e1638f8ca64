"""Who asks, and what they may: the visitor of each request as `g.user`, the role that each route needs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, TypeVar

from flask import Flask, Response, current_app, g, redirect, request, url_for

from koa_worker.store import Role, UserRecord
from koa_worker.web.context import desk
from koa_worker.web.guard import hosts
from koa_worker.web.guard.audit import note, note_stranger
from koa_worker.web.guard.forgery import shown_secret
from koa_worker.web.guard.passwords import secret_hash
from koa_worker.web.guard.refusals import API, refuse

View = TypeVar("View", bound=Callable[..., Any])

_MARK = "koa_needs"
_SCHEME = "bearer "


class By(Enum):
    """How a visitor is known."""

    PLACE = auto()  # there are no users, and it is this machine
    LOGIN = auto()
    TOKEN = auto()


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who asks."""

    name: str
    role: Role
    by: By


LOCAL = Visitor("local", Role.ADMIN, By.PLACE)


def needs(role: Role) -> Callable[[View], View]:
    """Only who has this role, or one that may more, gets to the view. A view without a mark gets nobody."""
    return _marked(role)


def for_everyone(view: View) -> View:
    """Also who has not logged in gets to the view."""
    return _marked(None)(view)


def may_see_patients() -> bool:
    """Whether name, id, birth date, accession number, original file name and whatever shows them may be shown."""
    user: Visitor | None = g.get("user")
    return user is not None and user.role.may(Role.READ)


def is_open() -> bool:
    """Whether there are no users, so that only this machine is served."""
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
    """Sets the visitor; None where nobody is known."""
    g.user = None
    store = desk().store
    if not store.accounts.has_users():
        if not hosts.is_here():
            refuse(403, "not_here")
        g.user = LOCAL
        return
    if not hosts.is_ours(desk().config.web):
        refuse(403, "not_here")
    shown = request.headers.get("Authorization", "")
    if shown[: len(_SCHEME)].lower() == _SCHEME:
        g.user = _visitor(store.accounts.shown_token(secret_hash(shown[len(_SCHEME) :].strip())), By.TOKEN)
    elif secret := shown_secret():
        g.user = _visitor(store.accounts.logged_in(secret_hash(secret)), By.LOGIN)


def _visitor(user: UserRecord | None, by: By) -> Visitor | None:
    return Visitor(user.name, user.role, by) if user else None


def _admit() -> Response | None:
    if request.endpoint is None:  # no such address, which the library says
        return None
    role = getattr(current_app.view_functions[request.endpoint], _MARK, Role)
    if role is None:
        return None
    if g.user is None:
        note_stranger("denied")
        if request.method == "GET" and not request.path.startswith(API):
            # A redirection is an answer of werkzeug's, of which Flask's is one.
            return redirect(url_for("login.ask", next=request.full_path.rstrip("?")), 303)  # type: ignore[return-value]
        refuse(401, "not_logged_in")
    if role is Role or not g.user.role.may(role):
        note("denied", detail=request.endpoint)
        refuse(403, "not_allowed")
    return None
