"""Connects to a PostgreSQL server with timeouts, so that a lost server or worker does not block the others."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Engine, create_engine
from sqlalchemy.engine import URL

_DRIVER = "postgresql+psycopg"
_SCHEMES = frozenset({"postgres", "postgresql", _DRIVER})
_LEAST_PATIENCE = 2.0  # libpq takes less for none at all

# libpq's and the server's words for what keeps a connection from coming about. The whole message names hosts and users.
_TELLING = (
    "password authentication failed", "no password supplied", "no pg_hba.conf entry", "does not exist",
    "Connection refused", "timeout expired", "could not translate host name", "too many clients", "starting up",
    "shutting down", "certificate verify failed", "does not support SSL", "permission denied",
)  # fmt: skip


def is_postgres(place: URL) -> bool:
    return place.drivername in _SCHEMES


def connect(place: URL, patience: float) -> Engine:
    """An engine with serializable transactions; a transaction that conflicts with another one is retried."""
    return create_engine(
        place.set(drivername=_DRIVER),
        isolation_level="SERIALIZABLE",
        pool_pre_ping=True,  # after the server was stopped and started, its old connections are thrown away
        hide_parameters=True,  # an error's text must not quote the patient that it failed on
        # What the address says itself counts.
        connect_args={name: value for name, value in _limits(patience).items() if name not in place.query},
    )


def _limits(patience: float) -> dict[str, Any]:
    seconds = max(patience, _LEAST_PATIENCE)
    return {
        "application_name": "koa-worker",
        "connect_timeout": round(seconds),
        # A server whose machine failed sends nothing any more, not even the end of the connection.
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
