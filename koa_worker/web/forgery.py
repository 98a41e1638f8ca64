"""Tells our own forms from another site's: each browser has a secret of ours, and each post shows a token made of it.

A form holds `{{ csrf_field() }}`, a script sends the head's `<meta name="csrf">` as `X-CSRF-Token`.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets

from flask import Flask, Response, abort, g, request
from markupsafe import Markup

COOKIE = "koa"
FIELD = "csrf"
HEADER = "X-CSRF-Token"
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


def token() -> str:
    """What a post must show; begins the browser's secret if it has none."""
    if "secret" not in g:
        g.secret = request.cookies.get(COOKIE) or secrets.token_urlsafe(32)
        g.secret_is_new = COOKIE not in request.cookies
    return _made_of(g.secret)


def guard(app: Flask) -> None:
    app.before_request(_refuse_forged)
    app.after_request(_hand_out)
    app.context_processor(lambda: {"csrf_token": token, "csrf_field": _field})


def _field() -> Markup:
    return Markup('<input type="hidden" name="{}" value="{}">').format(FIELD, token())


def _refuse_forged() -> None:
    if request.method in _SAFE:
        return
    secret = request.cookies.get(COOKIE, "")
    shown = request.headers.get(HEADER) or request.form.get(FIELD, "")
    if not secret or not hmac.compare_digest(shown.encode(), _made_of(secret).encode()):
        abort(403)


def _hand_out(response: Response) -> Response:
    if g.get("secret_is_new"):
        response.set_cookie(COOKIE, g.secret, httponly=True, samesite="Strict", secure=request.is_secure)
    return response


def _made_of(secret: str) -> str:
    return hmac.new(secret.encode(), b"csrf", hashlib.sha256).hexdigest()
