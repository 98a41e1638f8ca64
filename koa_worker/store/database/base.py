"""What all parts of the store stand on: each verb is one transaction, by one clock."""

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
    """A database, and how verbs get through to it."""

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
        self.quiet = quiet  # how long a report waits for more of its study

    def write(self, verb: Callable[[Session], T]) -> T:
        return transact(self.writing, verb, self.patience)

    def read(self, verb: Callable[[Session], T]) -> T:
        return transact(self.reading, verb, self.patience)

    @contextmanager
    def stream(self) -> Iterator[Connection]:
        """One reading transaction for more rows than fit into memory; it is not repeated."""
        try:
            with self.reading.connect() as connection:
                yield connection
        except DBAPIError as fault:
            raise unanswered(fault) from fault

    def close(self) -> None:
        self.writing.dispose()


class StorePart:
    """Verbs of one subject. Those marked `reads` or `writes` are given a session, the caller does not pass it.

    A verb may run several times until it gets through: it is given collections, not iterators. It never calls another
    verb, which would be a second transaction; what verbs share are functions that take the session.
    """

    def __init__(self, sessions: Sessions) -> None:
        self.sessions = sessions

    def now(self) -> datetime:
        return self.sessions.clock()


def reads(verb: Callable[Concatenate[AnyPart, Session, Given], T]) -> Callable[Concatenate[AnyPart, Given], T]:
    """Runs the verb in a transaction that sees one moment and blocks nobody."""

    @wraps(verb)
    def transaction(part: AnyPart, /, *args: Given.args, **named: Given.kwargs) -> T:
        return part.sessions.read(lambda session: verb(part, session, *args, **named))

    return transaction


def writes(verb: Callable[Concatenate[AnyPart, Session, Given], T]) -> Callable[Concatenate[AnyPart, Given], T]:
    """Runs the verb in a transaction that takes effect as a whole or not at all."""

    @wraps(verb)
    def transaction(part: AnyPart, /, *args: Given.args, **named: Given.kwargs) -> T:
        return part.sessions.write(lambda session: verb(part, session, *args, **named))

    return transaction
