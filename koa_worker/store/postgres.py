"""How a PostgreSQL server is talked to: with limits on silence, so that whoever is gone holds up nobody."""

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
    """Transactions that behave as if they ran one after the other; whichever got in another's way runs again."""
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
        # A server whose machine went dark says nothing any more, not even that it is gone.
        "keepalives_idle": 15,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": 30_000,
        # And a worker whose machine went dark keeps its locks, unless the server ends its transaction.
        "options": f"-c lock_timeout={round(seconds * 1000)} -c idle_in_transaction_session_timeout=60000",
    }


def telling(message: str) -> str:
    """Why no connection came about, in words that name nobody and hold no address."""
    return next((words for words in _TELLING if words in message), "")
