"""Since when a destination does not answer is the destination's matter, and no longer each parcel's."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("destinations") as table:
        table.add_column(sa.Column("failures", sa.Integer(), nullable=False, server_default="0"))
        table.add_column(sa.Column("next_try_at", sa.DateTime(timezone=True), nullable=True))
        table.add_column(sa.Column("detail", sa.String(), nullable=False, server_default=""))
