"""Refused knees belong to a file, since a rejected file has no image and may show knees."""

from __future__ import annotations

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("refusals") as table:
        table.drop_constraint(op.f("fk_refusals_file_id_images"), type_="foreignkey")
        table.create_foreign_key(op.f("fk_refusals_file_id_files"), "files", ["file_id"], ["id"])
