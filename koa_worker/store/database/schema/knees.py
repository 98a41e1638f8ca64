"""Knees, their grades, and the images for a report."""

from __future__ import annotations

import datetime as dt
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, CheckConstraint, ForeignKey, LargeBinary, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from koa_worker.store.database.columns import RowId, one_of
from koa_worker.store.database.schema.base import Base, partial_index
from koa_worker.values import Side


class PictureKind(StrEnum):
    FRAME = "frame"  # the whole radiograph, small: JPEG
    CROP = "crop"  # one knee as the model saw it: PNG


class KneeRow(Base):
    """A position in an image where a knee was found."""

    __tablename__ = "knees"
    __table_args__ = (UniqueConstraint("file_id", "position", "x", "y", "width", "height", name="uq_knees_place"),)

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    file_id: Mapped[str] = mapped_column(ForeignKey("images.file_id"))
    position: Mapped[int]  # position in the image, from left to right
    side: Mapped[Side] = mapped_column(one_of(Side, "side"))
    x: Mapped[int]
    y: Mapped[int]
    width: Mapped[int]
    height: Mapped[int]
    whole_frame: Mapped[bool]
    turned: Mapped[int] = mapped_column(default=0)  # quarters anticlockwise that make the knee stand upright


class RefusalRow(Base):
    """A position in a file's frame where a knee was found but got no grade from the model that ran last.

    A rejected file may have such positions too, but has no image.
    """

    __tablename__ = "refusals"

    file_id: Mapped[str] = mapped_column(ForeignKey("files.id"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)  # among the refused knees, from left to right
    side: Mapped[Side] = mapped_column(one_of(Side, "side"))
    x: Mapped[int]
    y: Mapped[int]
    width: Mapped[int]
    height: Mapped[int]
    code: Mapped[str]  # an entry of the error catalogue
    detail: Mapped[str]


class ModelRow(Base):
    """A model release that has graded in this store, by the hash of its manifest."""

    __tablename__ = "models"

    digest: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    first_used_at: Mapped[dt.datetime]


class GradeRow(Base):
    """The grade that one model release gave one knee."""

    __tablename__ = "grades"
    __table_args__ = (
        UniqueConstraint("knee_id", "model_digest", "software_version", "site", name="uq_grades_maker"),
        CheckConstraint("kl BETWEEN 0 AND 4", name="kl"),
        # Also keeps NaN out; a sum of rounded floats may be slightly above 1.
        *(CheckConstraint(f"p{kl} BETWEEN 0 AND 1.000001", name=f"p{kl}") for kl in range(5)),
    )

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    knee_id: Mapped[int] = mapped_column(ForeignKey("knees.id"))
    model_digest: Mapped[str] = mapped_column(ForeignKey("models.digest"))
    software_version: Mapped[str]
    is_current: Mapped[bool]
    kl: Mapped[int]
    p0: Mapped[float]
    p1: Mapped[float]
    p2: Mapped[float]
    p3: Mapped[float]
    p4: Mapped[float]
    # The release's own probabilities; empty without a site's scale: then p0 to p4 are the release's.
    release_p0: Mapped[float | None]
    release_p1: Mapped[float | None]
    release_p2: Mapped[float | None]
    release_p3: Mapped[float | None]
    release_p4: Mapped[float | None]
    site: Mapped[str] = mapped_column(default="", server_default="")  # digest of the site's scale
    confidence: Mapped[float]
    oa_probability: Mapped[float]
    agreement: Mapped[float | None]  # empty if there was only one prediction
    strangeness: Mapped[float | None]  # log odds against a knee; empty if it was not judged or not stored
    needs_review: Mapped[bool]  # whether there is a reason, for the worklist's index and for manual queries
    review_reasons: Mapped[list[dict[str, Any]]] = mapped_column(JSON)  # in the form of `encoding/review_reasons.py`
    heatmap: Mapped[bytes] = mapped_column(LargeBinary)  # a .npy of a few hundred bytes
    joint_space: Mapped[dict[str, Any] | None] = mapped_column(
        JSON(none_as_null=True)
    )  # in the form of `encoding/joint_space.py`
    graded_at: Mapped[dt.datetime] = mapped_column(index=True)


# One grade of a knee is the current one.
partial_index("uq_grades_current", GradeRow.knee_id, "is_current", unique=True)


class PictureRow(Base):
    """The images for a report; in a table of their own, so that the others stay small and fast to read."""

    __tablename__ = "pictures"
    __table_args__ = (UniqueConstraint("file_id", "kind", "knee_id", name="uq_pictures_subject"),)

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    file_id: Mapped[str] = mapped_column(ForeignKey("images.file_id"))
    knee_id: Mapped[int | None] = mapped_column(ForeignKey("knees.id"), index=True)
    kind: Mapped[PictureKind] = mapped_column(one_of(PictureKind, "kind"))
    data: Mapped[bytes] = mapped_column(LargeBinary)
