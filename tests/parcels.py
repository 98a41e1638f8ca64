"""Result objects in a database, as the sender would have queued them, without the study that they belong to."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import create_engine, delete, text, update
from sqlalchemy.orm import Session

from koa_worker.store import ParcelState
from koa_worker.store.database.schema import DestinationRow, ParcelRow

HOUR_AGO = datetime.now(UTC) - timedelta(hours=1)


def queue_one(
    url: str, destination: str, path: Path, *, sop_class_uid: str = "1.2", state: ParcelState = ParcelState.WAITING
) -> None:
    """Due since an hour ago; if it was refused, with an answer."""
    engine = create_engine(url)  # without the store's own rules: SQLite then checks no foreign keys
    with Session(engine) as session:
        if engine.dialect.name == "postgresql":
            session.execute(text("SET session_replication_role = replica"))
        if session.get(DestinationRow, destination) is None:
            session.add(DestinationRow(name=destination, since=HOUR_AGO))
            session.flush()
        session.add(
            ParcelRow(
                destination=destination, study_key="none", kind="pdf", sop_class_uid=sop_class_uid,
                sop_uid=f"2.25.{destination}.{path.name}", path=str(path), state=state, tries=0,
                next_try_at=HOUR_AGO, queued_at=HOUR_AGO,
                detail="status 0124" if state is ParcelState.REFUSED else "",
            )
        )  # fmt: skip
        session.commit()
    engine.dispose()


def take_back(url: str, destination: str) -> None:
    """Removes all queued objects and tries of the destination."""
    engine = create_engine(url)
    with Session(engine) as session:
        session.execute(delete(ParcelRow).where(ParcelRow.destination == destination))
        reset = {"failures": 0, "detail": "", "next_try_at": None}
        session.execute(update(DestinationRow).where(DestinationRow.name == destination).values(**reset))
        session.commit()
    engine.dispose()
