"""The user of a request, and how the user is known."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from koa_worker.values import Role


class By(Enum):
    """How a visitor is known."""

    PLACE = auto()  # there are no users, and the request comes from this machine
    LOGIN = auto()
    TOKEN = auto()
    SIGN_ON = auto()  # the proxy names the user


@dataclass(frozen=True, slots=True)
class Visitor:
    """The user or the local visitor who sent a request."""

    name: str
    role: Role
    by: By
