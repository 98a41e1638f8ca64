"""Rate limits: a number of uses per time for each key; a restart does not reset them.

The full limit is available again after `per`. Only one time is stored, at which the full limit is available again. Each
use moves it later by one part, and a use that would move it further than `per` from now is refused.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import delete
from sqlalchemy.orm import Session

from koa_worker.store.database.base import StorePart, reads, writes
from koa_worker.store.database.schema import ThrottleRow

_NONE = timedelta(0)


class RateLimits(StorePart):
    """The rate limits of all callers, each by its key."""

    def use(self, key: str, most: int, per: timedelta) -> timedelta:
        """Takes one of `most` uses within `per`, or gives the time to wait. A refusal writes nothing."""
        now = self.now()
        return self._wait(key, now, most=most, per=per) or self._use(key, now, most=most, per=per)

    @reads
    def _wait(self, session: Session, key: str, now: datetime, *, most: int, per: timedelta) -> timedelta:
        return _until_next(session.get(ThrottleRow, key), now, most=most, per=per)

    @writes
    def _use(self, session: Session, key: str, now: datetime, *, most: int, per: timedelta) -> timedelta:
        row = session.get(ThrottleRow, key)
        still = _until_next(row, now, most=most, per=per)
        if still:
            return still
        session.execute(delete(ThrottleRow).where(ThrottleRow.spent_until <= now, ThrottleRow.key != key))
        if row is None:
            row = ThrottleRow(key=key, spent_until=now)
            session.add(row)
        row.spent_until = max(row.spent_until, now) + per / most
        return _NONE

    @reads
    def is_spent(self, session: Session, key: str) -> bool:
        """Whether a part of the limit is used at present."""
        row = session.get(ThrottleRow, key)
        return row is not None and row.spent_until > self.now()

    @writes
    def give_back(self, session: Session, key: str) -> None:
        """Resets the limit of a key."""
        session.execute(delete(ThrottleRow).where(ThrottleRow.key == key))


def _until_next(row: ThrottleRow | None, now: datetime, *, most: int, per: timedelta) -> timedelta:
    """The time until the next use is allowed; zero if it is allowed now."""
    ahead = max(row.spent_until - now, _NONE) if row else _NONE
    return max(ahead + per / most - per, _NONE)
