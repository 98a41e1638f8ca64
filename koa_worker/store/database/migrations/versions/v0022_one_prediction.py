"""No agreement for a grade that one prediction made: nothing agreed with it.

SQLite copies the table for that; the rows that refer to it wait elsewhere meanwhile, since it would not let their table
go.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    on_sqlite = op.get_bind().dialect.name == "sqlite"
    if on_sqlite:
        op.execute("CREATE TEMPORARY TABLE waiting AS SELECT * FROM reader_grades")
        op.execute("DELETE FROM reader_grades")
    with op.batch_alter_table("grades") as table:
        table.alter_column("agreement", existing_type=sa.Double(), nullable=True)
    if on_sqlite:
        op.execute("INSERT INTO reader_grades SELECT * FROM waiting")
        op.execute("DROP TABLE waiting")
