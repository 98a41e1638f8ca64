"""The sums of single days, from which the watch over weeks makes its weeks; derived from the other tables.

A day has to be counted again while `watch_changed` names it; what the sums say of it then is of no use. All days
without a name there are as the other tables have them.
"""

from __future__ import annotations

import datetime as dt

from sqlalchemy.orm import Mapped, mapped_column

from koa_worker.store.database.columns import RowId
from koa_worker.store.database.schema.base import Base


class ChangedDay(Base):
    """Something on this day has changed since it was counted. Each change adds a row: none waits for another."""

    __tablename__ = "watch_changed"

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    day: Mapped[dt.date] = mapped_column(index=True)


class StudySums(Base):
    """The graded studies of one day and device, of one release and scale: each study by the mean of its knees."""

    __tablename__ = "watch_studies"

    # No key of the device's words: a header may say more than an index takes.
    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    day: Mapped[dt.date] = mapped_column(index=True)
    model_digest: Mapped[str]
    site: Mapped[str]
    manufacturer: Mapped[str]
    model: Mapped[str]
    institution: Mapped[str]
    grade_count: Mapped[int]
    grade_total: Mapped[float]
    grade_squares: Mapped[float]
    strangeness_count: Mapped[int]
    strangeness_total: Mapped[float]
    strangeness_squares: Mapped[float]
    exposure_count: Mapped[int]
    exposure_total: Mapped[float]
    exposure_squares: Mapped[float]
    kl0: Mapped[int]  # knees
    kl1: Mapped[int]
    kl2: Mapped[int]
    kl3: Mapped[int]
    kl4: Mapped[int]


class FileSums(Base):
    """The settled files of one day and device, and how many of them were refused or have a refused knee."""

    __tablename__ = "watch_files"

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    day: Mapped[dt.date] = mapped_column(index=True)
    manufacturer: Mapped[str]
    model: Mapped[str]
    institution: Mapped[str]
    files: Mapped[int]
    refused: Mapped[int]
