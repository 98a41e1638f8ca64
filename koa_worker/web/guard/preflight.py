"""Checks a request's headers before its body is read, so that nobody can fill the disk or block a connection."""

from __future__ import annotations

import json
import socket
from dataclasses import dataclass
from http import HTTPStatus
from http.cookies import CookieError, SimpleCookie
from typing import Protocol

from koa_worker.config import Config
from koa_worker.errors import CATALOGUE, WorkFailed
from koa_worker.store import Store
from koa_worker.values import Role
from koa_worker.web.guard.forgery import COOKIES
from koa_worker.web.guard.hosts import is_loopback
from koa_worker.web.guard.passwords import secret_hash
from koa_worker.web.guard.peer import may_be_ours
from koa_worker.web.guard.refusals import API, LARGEST_FORM, as_json
from koa_worker.web.guard.sign_on import SignOn, Spoofed

UPLOADS = frozenset({f"{API}v1/uploads", "/upload"})  # for scripts, and for a form without JavaScript
_SECONDS_FOR_A_FORM = 30.0


class Request(Protocol):
    """A request whose headers have been received, but not its body."""

    path: str
    headers: dict[str, str]
    chunked: bool
    content_length: int

    @property
    def is_upload(self) -> bool: ...


class Channel(Protocol):
    """The connection of a request."""

    def is_our_peer(self) -> bool: ...

    def peer(self) -> str:
        """The address at the other end: the proxy's, if there is one."""

    def uploads(self) -> int:
        """The number of uploads that the whole server is receiving."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An error answer of the server itself, in the form that waitress needs."""

    status: int
    code: str
    path: str

    def to_response(self, _ident: str | None = None) -> tuple[str, list[tuple[str, str]], bytes]:
        if self.path.startswith(API):
            kind, text = "application/json", json.dumps(as_json(self.code))
        else:
            entry = CATALOGUE[self.code]
            kind, text = "text/plain; charset=utf-8", f"{entry.sentence} {entry.remedy}\n"
        headers = [("Content-Type", kind), ("Cache-Control", "no-store"), ("X-Content-Type-Options", "nosniff")]
        if self.status == HTTPStatus.UNAUTHORIZED:
            headers.append(("WWW-Authenticate", 'Bearer realm="koa-worker"'))
        return f"{self.status} {HTTPStatus(self.status).phrase}", headers, text.encode()


class Gate:
    """Accepts or refuses a request by its headers."""

    def __init__(self, config: Config, store: Store) -> None:
        self._settings = config.web
        self._store = store
        self._sign_on = SignOn.of(config.web)

    @property
    def proxy(self) -> str:
        """The address of the reverse proxy, from which all requests come; empty without one."""
        return self._settings.proxy

    def refusal(self, request: Request, channel: Channel) -> Answer | None:
        try:
            status, code = self._judge(request, channel)
        except WorkFailed as fault:
            status, code = HTTPStatus.SERVICE_UNAVAILABLE, fault.code
        return Answer(status, code, request.path) if status != HTTPStatus.OK else None

    def is_ours(self, host: str, line: socket.socket) -> bool:
        """True for remote peers (the application checks them later) and for local peers of our account or root."""
        return not is_loopback(host) or may_be_ours(line)

    def seconds_for(self, request: Request) -> float:
        """The timeout for receiving the whole request."""
        return self._settings.upload_seconds if request.is_upload else _SECONDS_FOR_A_FORM

    def _judge(self, request: Request, channel: Channel) -> tuple[int, str]:
        if not channel.is_our_peer() and not self._store.accounts.has_users():
            return HTTPStatus.FORBIDDEN, "not_here"
        if self._sign_on and self._sign_on.is_used(request.headers) and channel.peer() != self._sign_on.proxy:
            return HTTPStatus.FORBIDDEN, "spoofed_sign_on"
        if not (request.chunked or request.content_length):
            return HTTPStatus.OK, ""
        if not request.is_upload:
            too_large = request.chunked or request.content_length > LARGEST_FORM
            return (HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too_large") if too_large else (HTTPStatus.OK, "")
        return self._judge_upload(request, channel)

    def _judge_upload(self, request: Request, channel: Channel) -> tuple[int, str]:
        if self._store.accounts.has_users():
            role = self._role(request.headers)
            if role is None:
                return HTTPStatus.UNAUTHORIZED, "not_logged_in"
            if not role.may(Role.READ):
                return HTTPStatus.FORBIDDEN, "not_allowed"
        if channel.uploads() > self._settings.uploads_at_once:
            return HTTPStatus.SERVICE_UNAVAILABLE, "no_room"
        return HTTPStatus.OK, ""

    def _role(self, headers: dict[str, str]) -> Role | None:
        if self._sign_on and self._sign_on.is_used(headers):
            try:
                name = self._sign_on.name(headers)
            except Spoofed:
                return None
            user = self._store.accounts.find_user(name) if name else None
            return user.role if user and user.locked_at is None else None
        scheme, _, token = headers.get("AUTHORIZATION", "").partition(" ")
        if scheme.lower() == "bearer":
            user = self._store.accounts.shown_token(secret_hash(token.strip()))
            return user.role if user else None
        try:
            cookies = SimpleCookie(headers.get("COOKIE", ""))
        except CookieError:
            return None
        shown = [cookies[name].value for name in COOKIES if name in cookies]
        users = (self._store.accounts.logged_in(secret_hash(secret)) for secret in shown)
        return next((user.role for user in users if user), None)
