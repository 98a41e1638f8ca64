"""Who asks, and how that is known."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from koa_worker.values import Role


class By(Enum):
    """How a visitor is known."""

    PLACE = auto()  # there are no users, and it is this machine
    LOGIN = auto()
    TOKEN = auto()
    SIGN_ON = auto()  # the proxy says who it is


@dataclass(frozen=True, slots=True)
class Visitor:
    """The user or the local visitor who sent a request."""

    name: str
    role: Role
    by: By
