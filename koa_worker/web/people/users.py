"""The administration of users: adding, changing role or password, locking, removing."""

from __future__ import annotations

from flask import Blueprint, abort, g, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from koa_worker.errors import CATALOGUE, WrongState
from koa_worker.store import Role
from koa_worker.store.records.users import UserRecord
from koa_worker.web.context import context
from koa_worker.web.guard import passwords
from koa_worker.web.guard.access import is_open, needs
from koa_worker.web.guard.audit import note
from koa_worker.web.guard.refusals import refuse
from koa_worker.web.guard.user_names import fault_of_name
from koa_worker.web.guard.visitor import By

pages = Blueprint("users", __name__, url_prefix="/admin/users")

DONE = {
    "added": "The user has been added.",
    "role": "The role has been changed.",
    "password": "The password has been changed. All sessions and tokens of the user have ended.",
    "locked": "The user is locked out. All sessions and tokens have ended.",
    "unlocked": "The user may log in again.",
    "token": "The token has been revoked.",
}

Answer = Response | tuple[str, int]


@pages.get("/<name>")
@needs(Role.ADMIN)
def show(name: str) -> str:
    return _page(_find(name), done=DONE.get(request.args.get("done", ""), ""))


@pages.get("")
@needs(Role.ADMIN)
def ask() -> str:
    return render_template("user_new.html", fault="", form={}, roles=Role, first=is_open())


@pages.post("")
@needs(Role.ADMIN)
def add() -> Answer:
    """The first user must be an administrator: from then on the page asks everybody to log in."""
    _require_person()
    form = request.form
    name, role = form.get("name", "").strip().lower(), _role()
    if not (fault := fault_of_name(name) or _fault_of_role(role) or _fault_of_new()):
        is_added = context().store.accounts.add_user(name, role, passwords.hashed(form["new"]))
        fault = "" if is_added else "a user with this name exists already"
    if fault:
        answer = render_template("user_new.html", fault=_sentence(fault), form=form, roles=Role, first=is_open())
        return answer, 400
    note("user_added", detail=f"{name}, {role}")
    return redirect(url_for("users.show", name=name, done="added"), 303)


@pages.post("/<name>/role")
@needs(Role.ADMIN)
def change_role(name: str) -> Answer:
    user, role = _find_for_change(name), _role()
    try:
        context().store.accounts.change_role(name, role, keep_admin=True)
    except WrongState as fault:
        return _refused(user, fault)
    note("user_role", detail=f"{name}, {role}")
    return _done(name, "role")


@pages.post("/<name>/password")
@needs(Role.ADMIN)
def change_password(name: str) -> Answer:
    user = _find_for_change(name)
    if fault := _fault_of_new():
        return _page(user, fault=_sentence(fault)), 400
    context().store.accounts.change_password(name, passwords.hashed(request.form["new"]))
    note("password", detail=name)
    return _done(name, "password")


@pages.post("/<name>/lock")
@needs(Role.ADMIN)
def lock(name: str) -> Answer:
    user = _find_for_change(name)
    try:
        context().store.accounts.lock(name, keep_admin=True)
    except WrongState as fault:
        return _refused(user, fault)
    note("user_locked", detail=name)
    return _done(name, "locked")


@pages.post("/<name>/unlock")
@needs(Role.ADMIN)
def unlock(name: str) -> Answer:
    _find_for_change(name)
    context().store.accounts.unlock(name)
    note("user_unlocked", detail=name)
    return _done(name, "unlocked")


@pages.post("/<name>/remove")
@needs(Role.ADMIN)
def remove(name: str) -> Answer:
    """Readings and the audit log keep the name."""
    user = _find_for_change(name)
    if request.form.get("typed", "").strip().lower() != name:
        return _page(user, fault="Type the name of the user to remove the user."), 400
    try:
        context().store.accounts.remove_user(name, keep_admin=True)
    except WrongState as fault:
        return _refused(user, fault)
    note("user_removed", detail=name)
    return redirect(url_for("admin.show"), 303)


@pages.post("/<name>/tokens/<int:number>/revoke")
@needs(Role.ADMIN)
def revoke(name: str, number: int) -> Answer:
    _find_for_change(name)
    if not context().store.accounts.remove_token(name, number):
        abort(404)
    note("token_removed", detail=f"{name}, {number}")
    return _done(name, "token")


def _page(user: UserRecord, *, fault: str = "", done: str = "") -> str:
    tokens = context().store.accounts.tokens(user.name)
    return render_template("user.html", one=user, tokens=tokens, roles=Role, fault=fault, done=done)


def _done(name: str, what: str) -> Response:
    return redirect(url_for("users.show", name=name, done=what), 303)


def _refused(user: UserRecord, fault: WrongState) -> Answer:
    entry = CATALOGUE[fault.code]
    return _page(user, fault=f"{entry.sentence} {entry.remedy}"), 409


def _require_person() -> None:
    """Refuses a script's token for changes of users, because a token may be stolen."""
    if g.user.by is By.TOKEN:
        refuse(403, "not_allowed")


def _find(name: str) -> UserRecord:
    return context().store.accounts.find_user(name) or abort(404)


def _find_for_change(name: str) -> UserRecord:
    _require_person()
    return _find(name)


def _role() -> Role:
    said = request.form.get("role", "")
    return Role(said) if said in set(Role) else abort(400)


def _fault_of_role(role: Role) -> str:
    return "the first user must have the role admin" if is_open() and role is not Role.ADMIN else ""


def _fault_of_new() -> str:
    """The reason why the password, typed twice, is not accepted."""
    new, again = request.form.get("new", ""), request.form.get("again", "")
    if new != again:
        return "the two passwords differ"
    fault = passwords.fault_of(new)
    return f"the password cannot be used: {fault}" if fault else ""


def _sentence(fault: str) -> str:
    return f"{fault[0].upper()}{fault[1:]}."
