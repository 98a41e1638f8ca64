"""What the release itself says beside each grade on a site's own scale, and which scale that is.

A knee may have a grade for each scale, so that the constraint which names its maker has the scale too. SQLite copies
the table for that; the rows that refer to it wait elsewhere meanwhile, since it would not let their table go.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    on_sqlite = op.get_bind().dialect.name == "sqlite"
    if on_sqlite:
        op.execute("CREATE TEMPORARY TABLE waiting AS SELECT * FROM reader_grades")
        op.execute("DELETE FROM reader_grades")
    with op.batch_alter_table("grades") as table:
        for kl in range(5):
            table.add_column(sa.Column(f"release_p{kl}", sa.Double(), nullable=True))
        table.add_column(sa.Column("site", sa.String(), nullable=False, server_default=""))
        table.drop_constraint("uq_grades_maker", type_="unique")
        table.create_unique_constraint("uq_grades_maker", ["knee_id", "model_digest", "software_version", "site"])
    if on_sqlite:
        op.execute("INSERT INTO reader_grades SELECT * FROM waiting")
        op.execute("DROP TABLE waiting")
