"""When a study changed and is owed a report, the order and numbers of its images, and which results replace which.

The images of a study that has been reported get numbers in the order of their arrival.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
UNREPORTED = sa.text("unreported_since IS NOT NULL")
NUMBERED = sa.text("""
    UPDATE images SET number = (
        SELECT count(*) FROM images AS other
        JOIN files AS its ON its.id = other.file_id
        JOIN files AS own ON own.id = images.file_id
        WHERE other.study_key = images.study_key
          AND (its.arrived_at < own.arrived_at OR (its.arrived_at = own.arrived_at AND its.id <= own.id))
    )
    WHERE study_key IN (SELECT study_key FROM reports)
""")


def upgrade() -> None:
    op.add_column("studies", sa.Column("changed_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("studies", sa.Column("unreported_since", sa.DateTime(timezone=True), nullable=True))
    op.add_column("studies", sa.Column("expected_images", sa.Integer(), nullable=True))
    op.create_index(
        "ix_studies_unreported",
        "studies",
        ["unreported_since"],
        sqlite_where=UNREPORTED,
        postgresql_where=UNREPORTED,
    )
    op.add_column("images", sa.Column("number", sa.Integer(), nullable=True))
    op.add_column("images", sa.Column("acquired_at", sa.DateTime(), nullable=True))
    op.add_column("images", sa.Column("content_at", sa.DateTime(), nullable=True))
    op.add_column("images", sa.Column("instance_number", sa.Integer(), nullable=True))
    op.execute(NUMBERED)
    op.create_table(
        "result_objects",
        sa.Column("id", ROW_ID, nullable=False),
        sa.Column("study_key", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("sop_class_uid", sa.String(), nullable=False),
        sa.Column("sop_uid", sa.String(), nullable=False),
        sa.Column("series_uid", sa.String(), nullable=False),
        sa.Column("replaces", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(["study_key"], ["studies.key"], name=op.f("fk_result_objects_study_key_studies")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_result_objects")),
        sa.UniqueConstraint("sop_uid", name=op.f("uq_result_objects_sop_uid")),
    )
    op.create_index(op.f("ix_result_objects_study_key"), "result_objects", ["study_key"], unique=False)
