"""The tables of the worklist, derived from the other tables, so that a page reads only fifty rows of millions.

There is a line for each graded knee of each image, and one for each file without any. Of the lines of one knee in a
study one is shown: that of the grade that stands, by the rule of `study/knees.py`. All filter columns are in the line
and in one index, which ends with the order of the page: each combination of filters is a few scans of that index.

Other orders have their own columns and index. The sort values belong to the study, so that all its lines have the same
ones, except that a line has its own grade on its own side.
"""

from __future__ import annotations

import datetime as dt

from sqlalchemy import ForeignKey, Index, String, true
from sqlalchemy.orm import Mapped, mapped_column

from koa_worker.store.database.columns import Moment, RowId, WallTime, one_of
from koa_worker.store.database.schema.base import Base
from koa_worker.store.records.files import State
from koa_worker.store.search_words import LONGEST_WORD
from koa_worker.values import Side

# Compared by code points, whatever the collation of the database, so that a prefix is a range.
PLAIN_WORDS = String(LONGEST_WORD).with_variant(String(LONGEST_WORD, "C"), "postgresql")


class IndexLine(Base):
    """A graded knee, or a file without one."""

    __tablename__ = "worklist_lines"
    __table_args__ = (
        Index("ix_worklist_lines_filters", "stands", "state", "kl", "side", "needs_review", "arrived_at", "id"),
        *(
            Index(f"ix_worklist_lines_{column}", "stands", column, "arrived_at", "id")
            for column in ("patient", "examined", "right_kl", "left_kl", "readers")
        ),
        # All columns that the dashboard counts by, so that it need not read the table.
        Index("ix_worklist_lines_days", "day", "state", "kl", "code", "confidence"),
    )

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    file_id: Mapped[str] = mapped_column(ForeignKey("files.id"), index=True)
    knee_id: Mapped[int | None] = mapped_column(ForeignKey("knees.id"), index=True)
    stands: Mapped[bool] = mapped_column(default=True, server_default=true())  # the page shows this line
    images: Mapped[int] = mapped_column(default=1, server_default="1")  # of the knee in its study
    lowest_kl: Mapped[int | None]  # among these images
    highest_kl: Mapped[int | None]
    arrived_at: Mapped[dt.datetime] = mapped_column(Moment)
    state: Mapped[State] = mapped_column(one_of(State, "state"))
    kl: Mapped[int | None]
    side: Mapped[Side] = mapped_column(one_of(Side, "side"))
    needs_review: Mapped[bool]
    code: Mapped[str | None]
    day: Mapped[dt.date | None]  # on which the file was settled, in UTC
    confidence: Mapped[float | None]
    # The sort values besides the time of arrival.
    patient: Mapped[str] = mapped_column(PLAIN_WORDS, default="", server_default="")  # the name, else the id
    examined: Mapped[dt.datetime | None] = mapped_column(WallTime)
    right_kl: Mapped[int | None]  # grade of the study's right knee, or of one of unknown side if there is none
    left_kl: Mapped[int | None]
    readers: Mapped[int | None]  # number of readers who have graded a knee of the study; null without a graded knee


class Word(Base):
    """A word by which a file can be found; in the order of the page, newest last."""

    __tablename__ = "worklist_words"
    __table_args__ = ({"sqlite_with_rowid": False},)

    names_patient: Mapped[bool] = mapped_column(primary_key=True)  # a search by it needs that right
    word: Mapped[str] = mapped_column(PLAIN_WORDS, primary_key=True)
    arrived_at: Mapped[dt.datetime] = mapped_column(Moment, primary_key=True)
    file_id: Mapped[str] = mapped_column(ForeignKey("files.id"), primary_key=True)
