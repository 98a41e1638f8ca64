"""Who gave a patient's id, and what an erasure has begun to remove."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

KIND = sa.Enum("file", "study", "path", name="kind", native_enum=False, create_constraint=True, length=16)
REASON = sa.Enum("forget", "retention", name="reason", native_enum=False, create_constraint=True, length=16)


def upgrade() -> None:
    with op.batch_alter_table("studies") as table:
        table.add_column(sa.Column("patient_issuer", sa.String(), nullable=False, server_default=""))
    op.create_table(
        "doomed",
        sa.Column("kind", KIND, nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("reason", REASON, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("kind", "key", name=op.f("pk_doomed")),
    )
    # A row can be removed once nothing refers to it, which the database must be able to look up.
    op.create_index(op.f("ix_images_conflicts_with"), "images", ["conflicts_with"], unique=False)
    op.create_index(op.f("ix_worklist_lines_knee_id"), "worklist_lines", ["knee_id"], unique=False)
