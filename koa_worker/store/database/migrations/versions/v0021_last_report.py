"""An index by which the last written report is found: a look at the health of a large archive read all of them."""

from __future__ import annotations

from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_reports_written_at", "reports", ["written_at"])
