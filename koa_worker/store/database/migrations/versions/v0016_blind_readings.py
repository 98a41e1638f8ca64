"""Whether a reading was blind, and when it was withdrawn; and the other spelling of words with umlauts.

Of readings that are there already, nobody knows whether they were blind.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from koa_worker.store.search_words import words_of

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

BATCH = 1000
UMLAUTS = ("ä", "ö", "ü", "å", "ø", "æ", "ae", "oe", "ue")


def upgrade() -> None:
    op.add_column("reader_grades", sa.Column("blind", sa.Boolean(), nullable=True))
    op.add_column("reader_grades", sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True))
    _find_by_either_spelling()


def _find_by_either_spelling() -> None:
    connection = op.get_bind()
    files = connection.execute(
        sa.text(
            "SELECT f.id, f.arrived_at, s.patient_id, s.accession, s.patient_name, s.description "
            "FROM files f JOIN studies s ON s.key = f.study_key"
        )
    )
    put = sa.text(
        "INSERT INTO worklist_words (names_patient, word, arrived_at, file_id) "
        "VALUES (:names_patient, :word, :arrived_at, :file_id) ON CONFLICT DO NOTHING"
    )
    while batch := files.fetchmany(BATCH):
        rows = []
        for file_id, arrived_at, *said in batch:
            texts = [text or "" for text in said]
            if any(letters in " ".join(texts).casefold() for letters in UMLAUTS):
                subject = {"names_patient": True, "arrived_at": arrived_at, "file_id": file_id}
                rows += [{"word": word, **subject} for word in words_of(*texts)]
        if rows:
            connection.execute(put, rows)
