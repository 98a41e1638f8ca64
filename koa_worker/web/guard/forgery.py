"""Protects against cross-site request forgery (CSRF): each browser has a secret, and each POST a token made of it.

A form contains `{{ csrf_field() }}`; a script sends the value of `<meta name="csrf">` as `X-CSRF-Token`. After a login
the secret is that of the session.
"""

from __future__ import annotations

import hashlib
import hmac
from urllib.parse import urlsplit

from flask import Flask, Response, g, request
from markupsafe import Markup

from koa_worker.web.context import context
from koa_worker.web.guard.passwords import new_secret
from koa_worker.web.guard.refusals import refuse
from koa_worker.web.guard.visitor import By

COOKIES = ("koa", "__Host-koa")
FIELD = "csrf"
HEADER = "X-CSRF-Token"
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


def shown_secret() -> str:
    """The browser's secret from its cookie; empty if it has none."""
    return request.cookies.get(_cookie(), "")


def change_secret(secret: str) -> None:
    """Gives the browser a new secret with this answer."""
    g.new_secret = secret


def token() -> str:
    """The token that a POST must send; a browser without a secret gets one."""
    secret = g.get("new_secret") or shown_secret()
    if not secret:
        secret = new_secret()
        change_secret(secret)
    return _made_of(secret)


def guard(app: Flask) -> None:
    """Must be called after `access.guard`, because it needs `g.user`."""
    app.before_request(_refuse_forged)
    app.after_request(_hand_out)
    app.context_processor(lambda: {"csrf_token": token, "csrf_field": _field})


def _field() -> Markup:
    return Markup('<input type="hidden" name="{}" value="{}">').format(FIELD, token())


def _refuse_forged() -> None:
    if request.method not in _SAFE and request.endpoint is not None and not _is_ours():
        refuse(403, "forged")


def _is_ours() -> bool:
    if g.user is not None and g.user.by is By.TOKEN:
        return True  # a browser adds Basic, Negotiate and cookies by itself, but never a token
    origin = request.headers.get("Origin", "null")  # our own pages send this, because they send no referrer
    if origin != "null" and urlsplit(origin).netloc != request.headers.get("Host", ""):
        return False
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in {"same-origin", "none"}:
        return False
    secret = shown_secret()
    if not secret:
        # A script on a machine without users. A page of another site cannot send this header without a CORS preflight.
        return g.user is not None and HEADER in request.headers and "Origin" not in request.headers
    shown = request.headers.get(HEADER) or request.form.get(FIELD, "")
    return hmac.compare_digest(shown.encode(), _made_of(secret).encode())


def _hand_out(response: Response) -> Response:
    if "new_secret" in g:
        response.set_cookie(_cookie(), g.new_secret, httponly=True, samesite="Strict", secure=_secure(), path="/")
    return response


def _secure() -> bool:
    return request.is_secure or bool(context().config.web.proxy)


def _cookie() -> str:
    """The cookie's name. With TLS its prefix __Host- makes browsers reject such a cookie from another host."""
    return COOKIES[_secure()]


def _made_of(secret: str) -> str:
    return hmac.new(secret.encode(), b"csrf", hashlib.sha256).hexdigest()
