"""The tables of the page: users and their rights, the audit log, readings, uploads.

Secrets are stored as hashes only. Only `uploads.name` and a reader's own comment can name a patient.
"""

from __future__ import annotations

import datetime as dt

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from koa_worker.store.database.columns import RowId, SaidByFile, one_of
from koa_worker.store.database.schema.base import Base, partial_index
from koa_worker.values import Role


class UserRow(Base):
    """A user who may log in. A removed user stays in the table, since readings and the audit log have the name."""

    __tablename__ = "users"

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    name: Mapped[str]
    role: Mapped[Role] = mapped_column(one_of(Role, "role"))
    password: Mapped[str]  # scheme, parameters, salt and hash
    created_at: Mapped[dt.datetime]
    removed_at: Mapped[dt.datetime | None]
    locked_at: Mapped[dt.datetime | None]  # until an administrator unlocks them, they cannot log in


partial_index("uq_users_name", UserRow.name, "removed_at IS NULL", unique=True)


class LoginRow(Base):
    """A session of a user in a browser, by the hash of its secret."""

    __tablename__ = "logins"

    secret_hash: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)
    since: Mapped[dt.datetime]
    until: Mapped[dt.datetime] = mapped_column(index=True)


class TokenRow(Base):
    """The hash of a token, which a script sends instead of a password."""

    __tablename__ = "tokens"

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    secret_hash: Mapped[str] = mapped_column(unique=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)
    purpose: Mapped[str]
    since: Mapped[dt.datetime]
    until: Mapped[dt.datetime | None]


class ThrottleRow(Base):
    """The used part of a rate limit of a caller, stored as the time at which the full limit is available again."""

    __tablename__ = "throttles"

    key: Mapped[str] = mapped_column(primary_key=True)
    spent_until: Mapped[dt.datetime] = mapped_column(index=True)


class AuditRow(Base):
    """An entry of the audit log, which is never changed."""

    __tablename__ = "audit"

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    at: Mapped[dt.datetime] = mapped_column(index=True)
    who: Mapped[str] = mapped_column(index=True)
    action: Mapped[str]
    subject: Mapped[str] = mapped_column(index=True)  # the id of a study, file or upload
    address: Mapped[str]
    detail: Mapped[str]


class ReaderGradeRow(Base):
    """A reader's grade of a knee; a changed opinion is a further row, and a withdrawn reading stays."""

    __tablename__ = "reader_grades"
    __table_args__ = (CheckConstraint("kl BETWEEN 0 AND 4", name="kl"),)

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    knee_id: Mapped[int] = mapped_column(ForeignKey("knees.id"), index=True)
    grade_id: Mapped[int] = mapped_column(ForeignKey("grades.id"))  # the model's current grade at that time
    reader: Mapped[str]
    kl: Mapped[int]
    comment: Mapped[str] = mapped_column(SaidByFile)
    at: Mapped[dt.datetime]
    blind: Mapped[bool | None]  # the reader had not been shown the model's answer; null: unknown
    withdrawn_at: Mapped[dt.datetime | None]


class AssignmentRow(Base):
    """The assignment of a study to a reader; one that was taken back stays."""

    __tablename__ = "assignments"

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    study_key: Mapped[str] = mapped_column(ForeignKey("studies.key"), index=True)
    reader: Mapped[str]
    by: Mapped[str]
    at: Mapped[dt.datetime]
    ended_at: Mapped[dt.datetime | None]


partial_index("uq_assignments_reader", (AssignmentRow.reader, AssignmentRow.study_key), "ended_at IS NULL", unique=True)


class UploadRow(Base):
    """A file that was uploaded on the page; its name in the inbox is `landed_as`."""

    __tablename__ = "uploads"

    id: Mapped[str] = mapped_column(primary_key=True)
    sha256: Mapped[str]
    size: Mapped[int] = mapped_column(BigInteger)
    name: Mapped[str] = mapped_column(SaidByFile)  # the name on the user's machine: may name the patient
    landed_as: Mapped[str]
    who: Mapped[str]
    at: Mapped[dt.datetime] = mapped_column(index=True)
