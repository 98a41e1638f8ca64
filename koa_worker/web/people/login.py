"""Login, logout, and what users may change in their own account."""

from __future__ import annotations

from datetime import timedelta
from hashlib import sha256

from flask import Blueprint, g, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from koa_worker.errors import CATALOGUE
from koa_worker.store import Role
from koa_worker.web.context import context
from koa_worker.web.guard import passwords
from koa_worker.web.guard.access import for_everyone, needs
from koa_worker.web.guard.audit import caller, note, note_stranger
from koa_worker.web.guard.forgery import change_secret, shown_secret
from koa_worker.web.guard.refusals import refuse
from koa_worker.web.guard.visitor import By

pages = Blueprint("login", __name__)

# Enough for a person who mistypes, far too few for guessing a password.
_PER = timedelta(minutes=10)
_FOR_ACCOUNT_AND_ADDRESS, _FOR_ADDRESS, _FOR_ACCOUNT = 10, 60, 200
# An address from which the user has logged in: failed tries from other addresses do not count there.
_KNOWN_FOR = timedelta(days=30)


@pages.get("/login")
@for_everyone
def ask() -> str:
    return render_template("login.html", target=_target(request.args.get("next", "")), fault=None)


@pages.post("/login")
@for_everyone
def log_in() -> Response | tuple[str, int]:
    name, password = _name(request.form.get("name", "")), request.form.get("password", "")
    target = _target(request.form.get("next", ""))
    _pace(name)
    store = context().store
    user = store.accounts.find_user(name)
    matches = passwords.matches(password, user.password if user else None)
    if not matches or user is None or user.locked_at is not None:
        note_stranger("login_failed") if user is None else store.audit.note(name, "login_failed", address=caller())
        return render_template("login.html", target=target, fault=CATALOGUE["wrong_password"]), 401
    secret = passwords.new_secret()
    store.accounts.log_in(name, passwords.secret_hash(secret), timedelta(hours=context().config.web.session_hours))
    store.rate_limits.give_back(_account(name, caller()))
    store.rate_limits.give_back(_known(name))
    store.rate_limits.use(_known(name), 1, _KNOWN_FOR)
    store.audit.note(name, "login", address=caller())
    change_secret(secret)
    return redirect(target, 303)


@pages.post("/logout")
@needs(Role.VIEW)
def log_out() -> Response:
    context().store.accounts.log_out(passwords.secret_hash(shown_secret()))
    return _left("logout")


@pages.get("/account")
@needs(Role.VIEW)
def account() -> str:
    return render_template("account.html", fault="")


@pages.post("/account/logout")
@needs(Role.VIEW)
def log_out_everywhere() -> Response:
    if g.user.by is not By.LOGIN:  # a script's token does not end a person's logins
        refuse(403, "not_allowed")
    context().store.accounts.log_out_everywhere(g.user.name)
    return _left("logout_everywhere")


@pages.post("/account/password")
@needs(Role.VIEW)
def change_password() -> Response | tuple[str, int]:
    """Needs the current password. It ends all sessions of the user, this one too."""
    if g.user.by is not By.LOGIN:
        refuse(403, "not_allowed")
    name, new = g.user.name, request.form.get("new", "")
    _pace(name)
    store = context().store
    user = store.accounts.find_user(name)
    if user is None or not passwords.matches(request.form.get("password", ""), user.password):
        note("password_refused")
        return render_template("account.html", fault="The current password is wrong."), 401
    if fault := passwords.fault_of(new):
        return render_template("account.html", fault=f"The new password cannot be used: {fault}."), 400
    store.accounts.change_password(name, passwords.hashed(new))
    return _left("password")


def _left(action: str) -> Response:
    note(action)
    change_secret(passwords.new_secret())
    return redirect(url_for("login.ask"), 303)


def _pace(name: str) -> None:
    """Limits the tries from one address, those for one account from there, and those for it from all addresses.

    Further tries are refused before any work is done. Wrong passwords from elsewhere never block a user at an address
    from which the user has logged in before.
    """
    store, here = context().store, caller()
    rations = [(f"login:from:{here}", _FOR_ADDRESS), (_account(name, here), _FOR_ACCOUNT_AND_ADDRESS)]
    if not store.rate_limits.is_spent(_known(name)):
        rations.append((_account(name), _FOR_ACCOUNT))
    for key, most in rations:
        still = store.rate_limits.use(key, most, _PER)
        if still:
            note_stranger("login_throttled")
            refuse(429, "too_many", still)


def _account(name: str, address: str = "") -> str:
    """The hash of the typed name, because a user may type the password there."""
    return f"login:to:{sha256(f'{name}@{address}'.encode('utf-8', 'surrogatepass')).hexdigest()}"


def _known(name: str) -> str:
    return f"login:known:{_account(name, caller())}"


def _name(typed: str) -> str:
    return typed.strip().lower()


def _target(wanted: str) -> str:
    """The page to show after the login; never a page of another site."""
    is_ours = wanted.startswith("/") and not wanted.startswith(("//", "/\\")) and wanted.isprintable()
    return wanted if is_ours else url_for("worklist.show")
