"""Tells our own forms from another site's: each browser has a secret of ours, and each post shows a token made of it.

A form holds `{{ csrf_field() }}`, a script sends the head's `<meta name="csrf">` as `X-CSRF-Token`. The secret is that
of the login once there is one.
"""

from __future__ import annotations

import hashlib
import hmac
from urllib.parse import urlsplit

from flask import Flask, Response, g, request
from markupsafe import Markup

from koa_worker.web.context import desk
from koa_worker.web.guard.passwords import new_secret
from koa_worker.web.guard.refusals import refuse
from koa_worker.web.guard.visitor import By

COOKIES = ("koa", "__Host-koa")
FIELD = "csrf"
HEADER = "X-CSRF-Token"
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


def shown_secret() -> str:
    """The browser's; empty if it has none."""
    return request.cookies.get(_cookie(), "")


def change_secret(secret: str) -> None:
    """From this answer on the browser has another one."""
    g.new_secret = secret


def token() -> str:
    """What a post must show; begins the browser's secret if it has none."""
    secret = g.get("new_secret") or shown_secret()
    if not secret:
        secret = new_secret()
        change_secret(secret)
    return _made_of(secret)


def guard(app: Flask) -> None:
    """Comes after `access.guard`, since it asks who is there."""
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
        return True  # no browser adds a token by itself; Basic and Negotiate it does, and the cookie along with them
    origin = request.headers.get("Origin", "null")  # which is what our own pages send, as they tell no referrer
    if origin != "null" and urlsplit(origin).netloc != request.headers.get("Host", ""):
        return False
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in {"same-origin", "none"}:
        return False
    secret = shown_secret()
    if not secret:
        # A script at a machine without users. Another site's page cannot send our header without asking us first.
        return g.user is not None and HEADER in request.headers and "Origin" not in request.headers
    shown = request.headers.get(HEADER) or request.form.get(FIELD, "")
    return hmac.compare_digest(shown.encode(), _made_of(secret).encode())


def _hand_out(response: Response) -> Response:
    if "new_secret" in g:
        response.set_cookie(_cookie(), g.new_secret, httponly=True, samesite="Strict", secure=_secure(), path="/")
    return response


def _secure() -> bool:
    return request.is_secure or bool(desk().config.web.proxy)


def _cookie() -> str:
    """With TLS the name says that no other host may have set it, which browsers see to."""
    return COOKIES[_secure()]


def _made_of(secret: str) -> str:
    return hmac.new(secret.encode(), b"csrf", hashlib.sha256).hexdigest()
