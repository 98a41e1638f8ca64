"""The joint space's widths and margins, beside each grade."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("grades") as table:
        table.add_column(sa.Column("joint_space", sa.JSON(none_as_null=True), nullable=True))
