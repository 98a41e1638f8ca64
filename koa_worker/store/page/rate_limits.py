"""Rations: so many within a time for each caller, which a restart does not give back.

A caller's whole ration takes `per` to grow again. What is kept is one time, at which the ration will be whole; each use
moves it on by one part, and what would move it further than `per` from now is refused.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import delete
from sqlalchemy.orm import Session

from koa_worker.store.page.tables import Throttle

_NONE = timedelta(0)


def wait(session: Session, key: str, now: datetime, *, most: int, per: timedelta) -> timedelta:
    """How long until one more is allowed; nothing when it is now."""
    row = session.get(Throttle, key)
    ahead = max(row.spent_until - now, _NONE) if row else _NONE
    return max(ahead + per / most - per, _NONE)


def use(session: Session, key: str, now: datetime, *, most: int, per: timedelta) -> timedelta:
    """Takes one of the ration, or gives how long until there is one again."""
    still = wait(session, key, now, most=most, per=per)
    if still:
        return still
    session.execute(delete(Throttle).where(Throttle.spent_until <= now, Throttle.key != key))
    row = session.get(Throttle, key)
    if row is None:
        row = Throttle(key=key, spent_until=now)
        session.add(row)
    row.spent_until = max(row.spent_until, now) + per / most
    return _NONE


def is_spent(session: Session, key: str, now: datetime) -> bool:
    row = session.get(Throttle, key)
    return row is not None and row.spent_until > now


def give_back(session: Session, key: str) -> None:
    """The ration is whole again."""
    session.execute(delete(Throttle).where(Throttle.key == key))
