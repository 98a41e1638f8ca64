"""Connects to a PostgreSQL server with timeouts, so that a lost server or worker does not block the others."""

from __future__ import annotations

import time
from collections.abc import Generator
from typing import Any

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import URL

_DRIVER = "postgresql+psycopg"
_SCHEMES = frozenset({"postgres", "postgresql", _DRIVER})
_LEAST_PATIENCE = 2.0  # seconds; libpq takes a smaller value as no limit

# libpq's and the server's words for a failed connection. The whole message would name hosts and users.
_TELLING = (
    "password authentication failed", "no password supplied", "no pg_hba.conf entry", "does not exist",
    "Connection refused", "timeout expired", "could not translate host name", "too many clients", "starting up",
    "shutting down", "certificate verify failed", "does not support SSL", "permission denied",
)  # fmt: skip


def is_postgres(place: URL) -> bool:
    return place.drivername in _SCHEMES


def connect(place: URL, patience: float, answer_seconds: float | None = None) -> Engine:
    """An engine with serializable transactions; a transaction that conflicts with another one is retried.

    With `answer_seconds`, a statement fails if the server does not answer within this time.
    """
    engine = create_engine(
        place.set(drivername=_DRIVER),
        isolation_level="SERIALIZABLE",
        pool_pre_ping=True,  # after a restart of the server, its old connections are discarded
        hide_parameters=True,  # the text of an error must not quote patient data
        # The parameters in the URL have priority.
        connect_args={name: value for name, value in _limits(patience).items() if name not in place.query},
    )
    if answer_seconds is not None:
        limited = _limited(answer_seconds)
        event.listen(engine, "do_connect", lambda _dialect, _record, words, named: limited.connect(*words, **named))
    return engine


def _limited(seconds: float) -> Any:
    """A connection with a timeout of its own: if a server hangs, its kernel still acknowledges each packet."""
    import psycopg  # noqa: PLC0415 - an extra

    def within(connection: Any, waiting: Generator[Any, Any, Any]) -> Generator[Any, Any, Any]:
        give_up = time.monotonic() + seconds
        try:
            awaited = next(waiting)
            while True:
                ready = yield awaited  # nothing is ready at the end of each of psycopg's short intervals
                if not ready and time.monotonic() > give_up:
                    connection.pgconn.finish()  # a rollback would wait for the same server
                    raise psycopg.OperationalError("timeout expired")
                awaited = waiting.send(ready)
        except StopIteration as done:
            return done.value

    class Limited(psycopg.Connection[Any]):
        def wait(self, gen: Any, *rest: Any, **named: Any) -> Any:
            return super().wait(within(self, gen), *rest, **named)

    return Limited


def _limits(patience: float) -> dict[str, Any]:
    seconds = max(patience, _LEAST_PATIENCE)
    return {
        "application_name": "koa-worker",
        "connect_timeout": round(seconds),
        # A server whose machine failed sends nothing, not even the end of the connection.
        "keepalives_idle": 15,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": 30_000,
        # A worker whose machine failed keeps its locks until the server ends its transaction.
        "options": f"-c lock_timeout={round(seconds * 1000)} -c idle_in_transaction_session_timeout=60000",
    }


def telling(message: str) -> str:
    """The reason why there is no connection, in words without names and addresses."""
    return next((words for words in _TELLING if words in message), "")
