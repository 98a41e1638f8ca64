"""The base of the store: each function runs in one transaction, with one clock."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeVar

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from koa_worker.store import engine
from koa_worker.store.transaction import PATIENCE_SECONDS, transact

T = TypeVar("T")


def _now() -> datetime:
    return datetime.now(UTC)


class Door:
    """A database, and how functions run in it."""

    def __init__(
        self, database: Engine, clock: Callable[[], datetime] = _now, patience: float = PATIENCE_SECONDS
    ) -> None:
        self._writing = database
        self._reading = engine.reading(database)
        self._clock = clock
        self._patience = patience

    def _write(self, verb: Callable[[Session], T]) -> T:
        return transact(self._writing, verb, self._patience)

    def _read(self, verb: Callable[[Session], T]) -> T:
        return transact(self._reading, verb, self._patience)
