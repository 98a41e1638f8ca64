"""Runs a function of the store in one transaction: all or nothing, and isolated from other workers."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import TypeVar

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.orm import Session

from koa_worker.errors import WorkFailed
from koa_worker.store.database.postgres import telling

T = TypeVar("T")

# A backup, a slow disk or many workers may delay a transaction; a file then waits and does not fail.
PATIENCE_SECONDS = 60.0
# The daemon's loop and the page must continue while the server hangs: they wait no longer for an answer.
ANSWER_SECONDS = 30.0
_SHORTEST_PAUSE, _LONGEST_PAUSE = 0.01, 0.5
# PostgreSQL's codes for a conflict of two transactions: serialization failure, deadlock, and a unique key that both
# wanted to insert. On SQLite, writers queue.
_COLLISIONS = frozenset({"40001", "40P01", "23505"})


def transact(engine: Engine, verb: Callable[[Session], T], patience: float = PATIENCE_SECONDS) -> T:
    """Runs `verb`, and retries it after a conflict. Raises `WorkFailed` if the database does not answer."""
    deadline = time.monotonic() + patience
    pause = _SHORTEST_PAUSE
    while True:
        try:
            with Session(engine) as session, session.begin():
                return verb(session)
        except DBAPIError as fault:
            if not _collided(fault) or time.monotonic() > deadline:
                raise unanswered(fault) from fault
        # A random pause: workers that waited for the same time would conflict again.
        time.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311
        pause = min(pause * 2, _LONGEST_PAUSE)


def unanswered(fault: SQLAlchemyError) -> WorkFailed:
    """The error without the message of the database, which may quote a row."""
    cause = fault.orig if isinstance(fault, DBAPIError) and fault.orig else fault
    why = telling(str(cause))
    return WorkFailed("store", f"{type(cause).__name__}: {why}" if why else type(cause).__name__)


def _collided(fault: DBAPIError) -> bool:
    return getattr(fault.orig, "sqlstate", None) in _COLLISIONS
