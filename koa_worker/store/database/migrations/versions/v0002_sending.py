"""What is sent where."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
STATE = sa.Enum(
    "waiting", "acknowledged", "refused", name="state", native_enum=False, create_constraint=True, length=16
)


def upgrade() -> None:
    op.create_table(
        "destinations",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_destinations")),
    )
    op.create_table(
        "publications",
        sa.Column("study_key", sa.String(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("asked", sa.Boolean(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["study_key"], ["studies.key"], name=op.f("fk_publications_study_key_studies")),
        sa.PrimaryKeyConstraint("study_key", name=op.f("pk_publications")),
    )
    op.create_table(
        "parcels",
        sa.Column("id", ROW_ID, nullable=False),
        sa.Column("destination", sa.String(), nullable=False),
        sa.Column("study_key", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("sop_class_uid", sa.String(), nullable=False),
        sa.Column("sop_uid", sa.String(), nullable=False),
        sa.Column("path", sa.String(), nullable=False),
        sa.Column("state", STATE, nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("next_try_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("detail", sa.String(), nullable=False),
        sa.Column("queued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("acknowledged_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["destination"], ["destinations.name"], name=op.f("fk_parcels_destination_destinations")
        ),
        sa.ForeignKeyConstraint(["study_key"], ["studies.key"], name=op.f("fk_parcels_study_key_studies")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_parcels")),
        sa.UniqueConstraint("destination", "sop_uid", name="uq_parcels_object"),
    )
    op.create_index(
        op.f("ix_parcels_destination_state_next_try_at"),
        "parcels",
        ["destination", "state", "next_try_at"],
        unique=False,
    )
    op.create_index(op.f("ix_parcels_sop_uid"), "parcels", ["sop_uid"], unique=False)
    op.create_index(op.f("ix_parcels_study_key"), "parcels", ["study_key"], unique=False)
