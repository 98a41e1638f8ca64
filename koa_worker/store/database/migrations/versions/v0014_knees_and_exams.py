"""What one line per knee needs, and the index that finds the earlier exams of a patient.

In studies with several images, the line that stands in the worklist is chosen here by the rule of the program at the
time of this step; posture and likeness to the training knees were not kept before.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

VIEWS = {"PA": 0, "AP": 1}
BATCH = 1000
LINES = sa.table(
    "worklist_lines",
    *map(sa.column, ("id", "images", "lowest_kl", "highest_kl")),
    sa.column("stands", sa.Boolean()),
    sa.column("needs_review", sa.Boolean()),
)
SEVERAL = sa.text(
    "SELECT i.study_key, k.side, i.view, g.agreement, g.confidence, i.sop_uid, k.position, l.id, g.kl, g.needs_review"
    " FROM worklist_lines l JOIN knees k ON k.id = l.knee_id JOIN images i ON i.file_id = l.file_id"
    " JOIN grades g ON g.knee_id = k.id AND g.is_current"
    " WHERE k.side <> 'unknown' AND NOT i.patient_differs AND i.study_key IN"
    " (SELECT study_key FROM images GROUP BY study_key HAVING count(*) > 1)"
    " ORDER BY i.study_key, k.side"
)


def upgrade() -> None:
    no, yes = sa.text("false"), sa.text("true")
    op.add_column("images", sa.Column("weight_bearing", sa.Boolean(), nullable=False, server_default=no))
    op.add_column("grades", sa.Column("strangeness", sa.Double(), nullable=True))
    op.add_column("worklist_lines", sa.Column("stands", sa.Boolean(), nullable=False, server_default=yes))
    op.add_column("worklist_lines", sa.Column("images", sa.Integer(), nullable=False, server_default="1"))
    op.add_column("worklist_lines", sa.Column("lowest_kl", sa.Integer(), nullable=True))
    op.add_column("worklist_lines", sa.Column("highest_kl", sa.Integer(), nullable=True))
    op.execute("UPDATE worklist_lines SET lowest_kl = kl, highest_kl = kl")
    _bring_together()
    op.drop_index("ix_worklist_lines_filters", "worklist_lines")
    op.create_index(
        "ix_worklist_lines_filters",
        "worklist_lines",
        ["stands", "state", "kl", "side", "needs_review", "arrived_at", "id"],
    )
    op.create_index("ix_studies_patient", "studies", ["patient_id", "patient_issuer", "patient_birth_date", "date"])


def _bring_together() -> None:
    connection = op.get_bind()
    found = connection.execute(SEVERAL).all()
    changes = [
        change for _, rows in groupby(found, lambda row: (row.study_key, row.side)) for change in _of_knee([*rows])
    ]
    statement = LINES.update().where(LINES.c.id == sa.bindparam("of_line"))
    for start in range(0, len(changes), BATCH):
        connection.execute(statement, changes[start : start + BATCH])


def _of_knee(rows: Sequence[sa.Row[Any]]) -> Iterator[dict[str, Any]]:
    """The values of the lines of one knee; the best image first."""
    best = min(
        rows, key=lambda row: (VIEWS.get(row.view, 2), -row.agreement, -row.confidence, row.sop_uid, row.position)
    )
    grades = [row.kl for row in rows]
    lowest, highest = min(grades), max(grades)
    disagree = highest - lowest >= 2 or lowest < 2 <= highest
    for row in rows:
        stands = row.id == best.id
        yield {
            "of_line": row.id,
            "stands": stands,
            "needs_review": bool(row.needs_review) or (stands and disagree),
            "images": len(rows),
            "lowest_kl": lowest,
            "highest_kl": highest,
        }
