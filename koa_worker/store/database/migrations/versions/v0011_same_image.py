"""What an image is without its wrapping, the file whose header counts, and what each header said.

Of images that are there already, the digests are not known until they are graded again.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # As it stands, for both databases: Alembic would copy the table on SQLite, which other tables refer to.
    op.execute(
        "ALTER TABLE images ADD COLUMN source_id VARCHAR CONSTRAINT fk_images_source_id_files REFERENCES files (id)"
    )
    with op.batch_alter_table("images") as table:
        for name in ("pixels_digest", "shown_digest", "header_digest"):
            table.add_column(sa.Column(name, sa.String(), nullable=False, server_default=""))
    op.execute("UPDATE images SET source_id = file_id")
    op.create_index(op.f("ix_images_source_id"), "images", ["source_id"], unique=False)
    op.create_table(
        "headers",
        sa.Column("file_id", sa.String(), nullable=False),
        sa.Column("image_id", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("patient_name", sa.String(), nullable=False),
        sa.Column("patient_id", sa.String(), nullable=False),
        sa.Column("patient_issuer", sa.String(), nullable=False),
        sa.Column("patient_birth_date", sa.Date(), nullable=True),
        sa.Column("patient_sex", sa.String(), nullable=False),
        sa.Column("accession", sa.String(), nullable=False),
        sa.Column("description", sa.String(), nullable=False),
        sa.Column("institution", sa.String(), nullable=False),
        sa.Column("date", sa.DateTime(), nullable=True),
        sa.ForeignKeyConstraint(["file_id"], ["files.id"], name=op.f("fk_headers_file_id_files")),
        sa.ForeignKeyConstraint(["image_id"], ["images.file_id"], name=op.f("fk_headers_image_id_images")),
        sa.PrimaryKeyConstraint("file_id", name=op.f("pk_headers")),
    )
    op.create_index(op.f("ix_headers_image_id"), "headers", ["image_id"], unique=False)
