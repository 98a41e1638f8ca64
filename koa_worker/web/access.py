"""Who asks, and what they may: roles, and the visitor of each request as `g.user`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from ipaddress import ip_address
from typing import ParamSpec, TypeVar

from flask import Flask, abort, g, request

from koa_worker.store import Role

P = ParamSpec("P")
R = TypeVar("R")

_MARK = "koa_needs"
_LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who asks. Without users it is whoever sits at this machine."""

    name: str
    role: Role


LOCAL = Visitor("local", Role.ADMIN)


def needs(role: Role) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Only who has this role, or one that may more, gets through. Every route says it."""

    def guarded(view: Callable[P, R]) -> Callable[P, R]:
        @wraps(view)
        def answer(*words: P.args, **named: P.kwargs) -> R:
            if not g.user.role.may(role):
                abort(403)
            return view(*words, **named)

        setattr(answer, _MARK, role)
        return answer

    return guarded


def may_see_patients() -> bool:
    """Whether name, id, birth date, accession number, original file name and whatever shows them may be shown."""
    user: Visitor = g.user
    return user.role.may(Role.READ)


def is_open() -> bool:
    """Whether there are no users, so that only this machine is served."""
    return g.user is LOCAL


def guard(app: Flask) -> None:
    app.before_request(_recognize)
    app.context_processor(
        lambda: {"user": g.get("user"), "is_open": is_open, "may_see_patients": may_see_patients, "Role": Role}
    )


def _recognize() -> None:
    g.user = LOCAL
    name = request.host.rpartition(":")[0] or request.host
    if name not in _LOOPBACK_NAMES or not ip_address(request.remote_addr or "0.0.0.0").is_loopback:  # noqa: S104
        abort(403)
