"""What a person corrected of an image's sides and pixel size, and who of the users is locked out."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

SIDES = ("left", "right", "both", "unknown")
SOURCES = ("calibrated", "detector", "none")


def _one_of(words: tuple[str, ...], name: str) -> sa.Enum:
    return sa.Enum(*words, name=name, native_enum=False, create_constraint=True, length=16)


def upgrade() -> None:
    op.add_column("users", sa.Column("locked_at", sa.DateTime(timezone=True), nullable=True))
    op.create_table(
        "corrections",
        sa.Column("file_id", sa.String(), nullable=False),
        sa.Column("who", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("laterality", _one_of(SIDES, "laterality"), nullable=True),
        sa.Column("column_zero_side", sa.String(), nullable=True),
        sa.Column("row_mm", sa.Double(), nullable=True),
        sa.Column("column_mm", sa.Double(), nullable=True),
        sa.Column("spacing_source", _one_of(SOURCES, "spacing_source"), nullable=True),
        sa.Column("said_laterality", _one_of(SIDES, "said_laterality"), nullable=False),
        sa.Column("said_column_zero_side", sa.String(), nullable=False),
        sa.Column("said_row_mm", sa.Double(), nullable=True),
        sa.Column("said_column_mm", sa.Double(), nullable=True),
        sa.Column("said_spacing_source", _one_of(SOURCES, "said_spacing_source"), nullable=False),
        sa.ForeignKeyConstraint(["file_id"], ["images.file_id"], name=op.f("fk_corrections_file_id_images")),
        sa.PrimaryKeyConstraint("file_id", name=op.f("pk_corrections")),
    )
