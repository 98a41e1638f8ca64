"""Column types that mean the same on SQLite and PostgreSQL, and take what files from anywhere may say."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, DateTime, Dialect, Enum, Integer, String
from sqlalchemy.types import TypeDecorator

# SQLite counts row numbers up only in a column that is called INTEGER.
RowId = BigInteger().with_variant(Integer, "sqlite")


def storable(text: str) -> str:
    """The text without what a database refuses: NUL (PostgreSQL) and halves of surrogate pairs (both)."""
    return text.replace("\0", "").encode("utf-8", "backslashreplace").decode("utf-8")


class SaidByFile(TypeDecorator[str]):
    """Text from a file or its header, which may hold any rubbish."""

    impl = String
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        return None if value is None else storable(value)


class Moment(TypeDecorator[datetime]):
    """A point in time: aware and in UTC on both sides, since SQLite forgets the zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a moment needs a time zone")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class WallTime(TypeDecorator[datetime]):
    """Date and time as the hospital's clock showed it; DICOM seldom says in which zone."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        return None if value is None else value.replace(tzinfo=None)


def one_of(words: type[StrEnum], name: str) -> Enum:
    """One of the enum's values, as readable text that the database checks."""

    def values(members: Any) -> list[str]:
        return [member.value for member in members]

    return Enum(words, name=name, native_enum=False, create_constraint=True, length=16, values_callable=values)
