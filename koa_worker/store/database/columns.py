"""Column types that behave the same on SQLite and PostgreSQL, and accept any text from files."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, DateTime, Dialect, Enum, Integer, String
from sqlalchemy.types import TypeDecorator

# SQLite generates row numbers only in a column of type INTEGER.
RowId = BigInteger().with_variant(Integer, "sqlite")


def storable(text: str) -> str:
    """The text without characters that a database refuses: NUL (PostgreSQL) and single surrogates (both)."""
    return text.replace("\0", "").encode("utf-8", "backslashreplace").decode("utf-8")


class SaidByFile(TypeDecorator[str]):
    """Text from a file or its header, which may contain anything."""

    impl = String
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        return None if value is None else storable(value)


class Moment(TypeDecorator[datetime]):
    """A point in time, aware and in UTC in Python and in the database, because SQLite does not store the zone."""

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
    """Date and time of the hospital's clock; DICOM seldom gives the time zone."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        return None if value is None else value.replace(tzinfo=None)


def one_of(words: type[StrEnum], name: str) -> Enum:
    """A column for an enum: readable text, checked by the database."""

    def values(members: Any) -> list[str]:
        return [member.value for member in members]

    return Enum(words, name=name, native_enum=False, create_constraint=True, length=16, values_callable=values)
