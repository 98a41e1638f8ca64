"""What the worklist is sorted by besides the time of arrival: patient, day of the exam, grade of each side, readers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from alembic import op

from koa_worker.store.search_words import LONGEST_WORD, plain

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

BATCH = 5000
COLUMNS = ("patient", "examined", "right_kl", "left_kl", "readers")
LINES = sa.table("worklist_lines", *map(sa.column, ("id", *COLUMNS)))
FOUND = sa.text(
    "SELECT l.id, l.kl, l.side, l.stands, f.study_key, s.patient_name, s.patient_id, s.date"
    " FROM worklist_lines l JOIN files f ON f.id = l.file_id LEFT JOIN studies s ON s.key = f.study_key"
    " WHERE l.id > :last ORDER BY l.id LIMIT :batch"
)
# All standing knees of these studies, for a study's lines may be far from each other.
KNEES = sa.text(
    "SELECT f.study_key, l.side, l.kl FROM files f JOIN worklist_lines l ON l.file_id = f.id"
    " WHERE l.kl IS NOT NULL AND l.stands AND f.study_key IN :keys"
).bindparams(sa.bindparam("keys", expanding=True))
READERS = sa.text(
    "SELECT f.study_key, count(DISTINCT r.reader) FROM reader_grades r JOIN knees k ON k.id = r.knee_id"
    " JOIN files f ON f.id = k.file_id WHERE r.withdrawn_at IS NULL GROUP BY f.study_key"
)


def upgrade() -> None:
    plain_words = sa.String(LONGEST_WORD).with_variant(sa.String(LONGEST_WORD, "C"), "postgresql")
    op.add_column("worklist_lines", sa.Column("patient", plain_words, nullable=False, server_default=""))
    op.add_column("worklist_lines", sa.Column("examined", sa.DateTime(), nullable=True))
    for name in ("right_kl", "left_kl", "readers"):
        op.add_column("worklist_lines", sa.Column(name, sa.Integer(), nullable=True))
    _fill()
    for name in COLUMNS:
        op.create_index(f"ix_worklist_lines_{name}", "worklist_lines", ["stands", name, "arrived_at", "id"])


def _fill() -> None:
    """By the primary key and in parts, so that an archive of millions needs no more memory than a small one."""
    connection, last = op.get_bind(), -1
    readers = dict(map(tuple, connection.execute(READERS)))
    statement = LINES.update().where(LINES.c.id == sa.bindparam("of_line"))
    statement = statement.values({name: sa.bindparam(f"new_{name}") for name in COLUMNS})
    while rows := connection.execute(FOUND, {"last": last, "batch": BATCH}).all():
        keys = sorted({row.study_key for row in rows if row.study_key})
        knees: defaultdict[str, dict[str, int]] = defaultdict(dict)
        for start in range(0, len(keys), 500):
            for key, side, kl in connection.execute(KNEES, {"keys": keys[start : start + 500]}):
                knees[key][side] = max(kl, knees[key].get(side, 0))
        connection.execute(statement, [_of_line(row, knees[row.study_key], readers) for row in rows])
        last = rows[-1].id


def _of_line(row: sa.Row[Any], knees: Mapping[str, int], readers: Mapping[str, int]) -> dict[str, Any]:
    graded = row.kl is not None
    knees = {**knees, row.side: row.kl} if graded and row.side != "unknown" else knees  # its own on its own side
    return {
        "of_line": row.id,
        "new_patient": plain(row.patient_name or row.patient_id or "")[:LONGEST_WORD],
        "new_examined": row.date,
        "new_right_kl": knees.get("right", knees.get("unknown")) if graded else None,
        "new_left_kl": knees.get("left") if graded else None,
        "new_readers": min(readers.get(row.study_key, 0), 9) if graded else None,
    }
