"""The base of all parts of the store: each verb is one transaction, and all use one clock."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from koa_worker.store.database import engine
from koa_worker.store.database.transaction import PATIENCE_SECONDS, transact, unanswered

T = TypeVar("T")
Given = ParamSpec("Given")
AnyPart = TypeVar("AnyPart", bound="StorePart")


def utc_now() -> datetime:
    return datetime.now(UTC)


class Sessions:
    """A database, and the settings with which verbs use it."""

    def __init__(
        self,
        database: Engine,
        clock: Callable[[], datetime] = utc_now,
        patience: float = PATIENCE_SECONDS,
        quiet: timedelta = timedelta(0),
    ) -> None:
        self.writing = database
        self.reading = engine.reading(database)
        self.clock = clock
        self.patience = patience
        self.quiet = quiet  # the time for which a report waits for more images of its study

    def write(self, verb: Callable[[Session], T]) -> T:
        return transact(self.writing, verb, self.patience)

    def read(self, verb: Callable[[Session], T]) -> T:
        return transact(self.reading, verb, self.patience)

    @contextmanager
    def stream(self) -> Iterator[Connection]:
        """A reading transaction for more rows than fit into memory; it is not retried."""
        try:
            with self.reading.connect() as connection:
                yield connection
        except DBAPIError as fault:
            raise unanswered(fault) from fault

    def close(self) -> None:
        self.writing.dispose()


class StorePart:
    """Verbs of one subject. Those marked `reads` or `writes` get a session, which the caller does not pass.

    A verb may run several times until it succeeds, so that its arguments are collections, not iterators. It never calls
    another verb, which would be a second transaction; verbs share functions that take the session.
    """

    def __init__(self, sessions: Sessions) -> None:
        self.sessions = sessions

    def now(self) -> datetime:
        return self.sessions.clock()


def reads(verb: Callable[Concatenate[AnyPart, Session, Given], T]) -> Callable[Concatenate[AnyPart, Given], T]:
    """Runs the verb in a transaction that sees the data of one moment and blocks no other transaction."""

    @wraps(verb)
    def transaction(part: AnyPart, /, *args: Given.args, **named: Given.kwargs) -> T:
        return part.sessions.read(lambda session: verb(part, session, *args, **named))

    return transaction


def writes(verb: Callable[Concatenate[AnyPart, Session, Given], T]) -> Callable[Concatenate[AnyPart, Given], T]:
    """Runs the verb in a transaction that takes effect completely or not at all."""

    @wraps(verb)
    def transaction(part: AnyPart, /, *args: Given.args, **named: Given.kwargs) -> T:
        return part.sessions.write(lambda session: verb(part, session, *args, **named))

    return transaction
