"""Knees that are given no grade, and by how much a frame was turned before its knees stood upright."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

SIDE = sa.Enum("left", "right", "unknown", name="side", native_enum=False, create_constraint=True, length=16)


def upgrade() -> None:
    with op.batch_alter_table("knees") as table:
        table.add_column(sa.Column("turned", sa.Integer(), nullable=False, server_default="0"))
    op.create_table(
        "refusals",
        sa.Column("file_id", sa.String(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("side", SIDE, nullable=False),
        sa.Column("x", sa.Integer(), nullable=False),
        sa.Column("y", sa.Integer(), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("detail", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["file_id"], ["images.file_id"], name=op.f("fk_refusals_file_id_images")),
        sa.PrimaryKeyConstraint("file_id", "position", name=op.f("pk_refusals")),
    )
