"""The store: its parts, each with the functions of one subject."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from types import TracebackType
from typing import Self

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from koa_worker.config import StoreSettings
from koa_worker.errors import SetupError
from koa_worker.store.counts.status import StatusCounts
from koa_worker.store.database import engine
from koa_worker.store.database.base import Sessions, utc_now
from koa_worker.store.database.transaction import PATIENCE_SECONDS, unanswered
from koa_worker.store.delivery.deliveries import Deliveries
from koa_worker.store.delivery.sending import Sending
from koa_worker.store.lifecycle.files import Files
from koa_worker.store.rare_parts import RareParts
from koa_worker.store.reports import Reports
from koa_worker.store.study.study_content import Studies


class Store(RareParts):
    """The database of all files.

    Each verb of a part takes and gives values in one transaction. It raises `WorkFailed("store")` if the database does
    not answer, `UnknownRecord` if the database has no record with the given id, and `WrongState` if another worker has
    changed the file's state meanwhile.
    """

    def __init__(
        self,
        database: Engine,
        clock: Callable[[], datetime] = utc_now,
        patience: float = PATIENCE_SECONDS,
        quiet_seconds: float = 0.0,
    ) -> None:
        self.sessions = sessions = Sessions(database, clock, patience, timedelta(seconds=quiet_seconds))
        self.files = Files(sessions)
        self.studies = Studies(sessions)
        self.reports = Reports(sessions)
        self.sending = Sending(sessions)
        self.deliveries = Deliveries(sessions)
        self.counts = StatusCounts(sessions)

    @classmethod
    def open(
        cls,
        url: str,
        *,
        clock: Callable[[], datetime] = utc_now,
        patience: float = PATIENCE_SECONDS,
        quiet_seconds: float = 0.0,
        upgrade: bool = True,
        answer_seconds: float | None = None,
    ) -> Self:
        """Connects, creates the database if it is missing, and migrates the tables; older ones only with `upgrade`.

        Recorded times come from `clock`. A verb waits up to `patience` seconds for other transactions. A report waits
        until no image of its study has arrived for `quiet_seconds`. A server that does not answer within
        `answer_seconds` counts as unavailable, except in a migration.
        """
        database = engine.connect(url, patience)
        try:
            engine.migrate(database, upgrade=upgrade)
        except DBAPIError as fault:
            database.dispose()
            raise unanswered(fault) from fault
        if answer_seconds is not None and database.dialect.name == "postgresql":
            database.dispose()
            database = engine.connect(url, patience, answer_seconds=answer_seconds)
        return cls(database, clock, patience, quiet_seconds)

    @classmethod
    def of(
        cls,
        settings: StoreSettings,
        *,
        patience: float = PATIENCE_SECONDS,
        quiet_seconds: float = 0.0,
        answer_seconds: float | None = None,
    ) -> Self:
        """Opens the configured database."""
        return cls.open(
            settings.url,
            patience=patience,
            quiet_seconds=quiet_seconds,
            upgrade=settings.auto_upgrade,
            answer_seconds=answer_seconds,
        )

    @classmethod
    def look(cls, url: str, *, patience: float = PATIENCE_SECONDS) -> Self:
        """Connects to a database of this version, and never creates or migrates one; else raises `SetupError`."""
        database = engine.connect(url, patience, create=False)
        try:
            engine.require_current(database)
        except DBAPIError as fault:
            database.dispose()
            raise unanswered(fault) from fault
        except SetupError:
            database.dispose()
            raise
        return cls(database, patience=patience)

    def close(self) -> None:
        self.sessions.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
