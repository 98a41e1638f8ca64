"""The worklist's lines and words, also for what is there already."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from koa_worker.store.search_words import words_of

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
STATE = sa.Enum(
    "waiting",
    "working",
    "completed",
    "rejected",
    "failed",
    "duplicate",
    name="state",
    native_enum=False,
    create_constraint=True,
    length=16,
)
SIDE = sa.Enum("left", "right", "unknown", name="side", native_enum=False, create_constraint=True, length=16)
WORD = sa.String(64).with_variant(sa.String(64, "C"), "postgresql")
BATCH = 1000


def upgrade() -> None:
    op.create_table(
        "worklist_lines",
        sa.Column("id", ROW_ID, nullable=False),
        sa.Column("file_id", sa.String(), nullable=False),
        sa.Column("knee_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("arrived_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", STATE, nullable=False),
        sa.Column("kl", sa.Integer(), nullable=True),
        sa.Column("side", SIDE, nullable=False),
        sa.Column("needs_review", sa.Boolean(), nullable=False),
        sa.Column("code", sa.String(), nullable=True),
        sa.Column("day", sa.Date(), nullable=True),
        sa.Column("confidence", sa.Double(), nullable=True),
        sa.ForeignKeyConstraint(["file_id"], ["files.id"], name=op.f("fk_worklist_lines_file_id_files")),
        sa.ForeignKeyConstraint(["knee_id"], ["knees.id"], name=op.f("fk_worklist_lines_knee_id_knees")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_worklist_lines")),
    )
    op.create_table(
        "worklist_words",
        sa.Column("names_patient", sa.Boolean(), nullable=False),
        sa.Column("word", WORD, nullable=False),
        sa.Column("arrived_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("file_id", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["file_id"], ["files.id"], name=op.f("fk_worklist_words_file_id_files")),
        sa.PrimaryKeyConstraint("names_patient", "word", "arrived_at", "file_id", name=op.f("pk_worklist_words")),
        sqlite_with_rowid=False,
    )
    _list_what_is_there()
    _find_what_is_there()
    # After the rows, which is quicker than with each of them.
    op.create_index(op.f("ix_worklist_lines_file_id"), "worklist_lines", ["file_id"], unique=False)
    op.create_index(
        "ix_worklist_lines_filters",
        "worklist_lines",
        ["state", "kl", "side", "needs_review", "arrived_at", "id"],
        unique=False,
    )
    op.create_index(
        "ix_worklist_lines_days", "worklist_lines", ["day", "state", "kl", "code", "confidence"], unique=False
    )


def _list_what_is_there() -> None:
    day = "date(f.settled_at)" if op.get_bind().dialect.name == "sqlite" else "(f.settled_at AT TIME ZONE 'UTC')::date"
    columns = "file_id, knee_id, arrived_at, state, kl, side, needs_review, code, day, confidence"
    op.execute(
        f"INSERT INTO worklist_lines ({columns}) "  # noqa: S608 - both are ours
        f"SELECT f.id, k.id, f.arrived_at, f.state, g.kl, k.side, g.needs_review, f.code, {day}, g.confidence "
        "FROM files f JOIN knees k ON k.file_id = f.id JOIN grades g ON g.knee_id = k.id AND g.is_current "
        "WHERE f.state = 'completed' ORDER BY f.arrived_at, f.id, k.position DESC"
    )
    op.execute(
        f"INSERT INTO worklist_lines ({columns}) "  # noqa: S608
        f"SELECT f.id, NULL, f.arrived_at, f.state, NULL, 'unknown', false, f.code, {day}, NULL "
        "FROM files f WHERE f.state <> 'completed' ORDER BY f.arrived_at, f.id"
    )


def _find_what_is_there() -> None:
    connection = op.get_bind()
    words = sa.table("worklist_words", *map(sa.column, ("names_patient", "word", "arrived_at", "file_id")))
    files = connection.execute(
        sa.text(
            "SELECT f.id, f.arrived_at, f.state, f.code, s.patient_id, s.accession, s.patient_name, s.description "
            "FROM files f LEFT JOIN studies s ON s.key = f.study_key"
        )
    )
    while batch := files.fetchmany(BATCH):
        rows = []
        for file_id, arrived_at, state, code, *said in batch:
            found_by = [(False, word) for word in words_of(code or "" if state == "rejected" else "")]
            found_by += [(True, word) for word in words_of(*(text or "" for text in said))]
            subject = {"arrived_at": arrived_at, "file_id": file_id}
            rows += [{"names_patient": names_patient, "word": word, **subject} for names_patient, word in found_by]
        if rows:
            connection.execute(words.insert(), rows)
