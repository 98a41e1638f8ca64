"""The first shape of the tables."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
CURRENT = sa.text("is_current")
DUE = sa.text("changes > reported_changes")


def upgrade() -> None:
    op.create_table(
        "models",
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("first_used_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_models")),
    )
    op.create_table(
        "studies",
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("study_uid", sa.String(), nullable=False),
        sa.Column("patient_name", sa.String(), nullable=False),
        sa.Column("patient_id", sa.String(), nullable=False),
        sa.Column("patient_birth_date", sa.Date(), nullable=True),
        sa.Column("patient_sex", sa.String(), nullable=False),
        sa.Column("accession", sa.String(), nullable=False),
        sa.Column("description", sa.String(), nullable=False),
        sa.Column("institution", sa.String(), nullable=False),
        sa.Column("date", sa.DateTime(), nullable=True),
        sa.Column("changes", sa.Integer(), nullable=False),
        sa.Column("reported_changes", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_studies")),
        sa.UniqueConstraint("study_uid", name=op.f("uq_studies_study_uid")),
    )
    op.create_index("ix_studies_due", "studies", ["key"], unique=False, sqlite_where=DUE, postgresql_where=DUE)
    op.create_table(
        "files",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
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
            ),
            nullable=False,
        ),
        sa.Column("code", sa.String(), nullable=True),
        sa.Column("detail", sa.String(), nullable=True),
        sa.Column("starts", sa.Integer(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("next_try_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("worker", sa.String(), nullable=True),
        sa.Column("software_version", sa.String(), nullable=True),
        sa.Column("arrived_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("filed_as", sa.String(), nullable=True),
        sa.Column("duplicate_of", sa.String(), nullable=True),
        sa.Column("study_key", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(["duplicate_of"], ["files.id"], name=op.f("fk_files_duplicate_of_files")),
        sa.ForeignKeyConstraint(["study_key"], ["studies.key"], name=op.f("fk_files_study_key_studies")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_files")),
    )
    op.create_index(op.f("ix_files_duplicate_of"), "files", ["duplicate_of"], unique=False)
    op.create_index(op.f("ix_files_sha256"), "files", ["sha256"], unique=False)
    op.create_index(op.f("ix_files_state_arrived_at"), "files", ["state", "arrived_at"], unique=False)
    op.create_index(op.f("ix_files_state_code"), "files", ["state", "code"], unique=False)
    op.create_index(op.f("ix_files_state_next_try_at"), "files", ["state", "next_try_at"], unique=False)
    op.create_index(op.f("ix_files_state_settled_at"), "files", ["state", "settled_at"], unique=False)
    op.create_index(op.f("ix_files_study_key"), "files", ["study_key"], unique=False)
    op.create_table(
        "reports",
        sa.Column("study_key", sa.String(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("shows_changes", sa.Integer(), nullable=False),
        sa.Column("path", sa.String(), nullable=True),
        sa.Column("sha256", sa.String(), nullable=True),
        sa.Column("written_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["study_key"], ["studies.key"], name=op.f("fk_reports_study_key_studies")),
        sa.PrimaryKeyConstraint("study_key", "revision", name=op.f("pk_reports")),
    )
    op.create_table(
        "events",
        sa.Column("id", ROW_ID, nullable=False),
        sa.Column("file_id", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("detail", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["file_id"], ["files.id"], name=op.f("fk_events_file_id_files")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_events")),
    )
    op.create_index(op.f("ix_events_at"), "events", ["at"], unique=False)
    op.create_index(op.f("ix_events_file_id"), "events", ["file_id"], unique=False)
    op.create_table(
        "images",
        sa.Column("file_id", sa.String(), nullable=False),
        sa.Column("study_key", sa.String(), nullable=False),
        sa.Column("sop_uid", sa.String(), nullable=False),
        sa.Column("series_uid", sa.String(), nullable=False),
        sa.Column("sop_class_uid", sa.String(), nullable=False),
        sa.Column("modality", sa.String(), nullable=False),
        sa.Column("body_part", sa.String(), nullable=False),
        sa.Column("view", sa.String(), nullable=False),
        sa.Column(
            "laterality",
            sa.Enum(
                "left",
                "right",
                "both",
                "unknown",
                name="laterality",
                native_enum=False,
                create_constraint=True,
                length=16,
            ),
            nullable=False,
        ),
        sa.Column("column_zero_side", sa.String(), nullable=False),
        sa.Column("format", sa.String(), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("row_mm", sa.Double(), nullable=True),
        sa.Column("column_mm", sa.Double(), nullable=True),
        sa.Column(
            "spacing_source",
            sa.Enum(
                "calibrated",
                "detector",
                "none",
                name="spacing_source",
                native_enum=False,
                create_constraint=True,
                length=16,
            ),
            nullable=False,
        ),
        sa.Column("details", sa.JSON(), nullable=False),
        sa.Column("conflicts_with", sa.String(), nullable=True),
        sa.Column("patient_differs", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["conflicts_with"], ["files.id"], name=op.f("fk_images_conflicts_with_files")),
        sa.ForeignKeyConstraint(["file_id"], ["files.id"], name=op.f("fk_images_file_id_files")),
        sa.ForeignKeyConstraint(["study_key"], ["studies.key"], name=op.f("fk_images_study_key_studies")),
        sa.PrimaryKeyConstraint("file_id", name=op.f("pk_images")),
    )
    op.create_index(op.f("ix_images_sop_uid"), "images", ["sop_uid"], unique=False)
    op.create_index(op.f("ix_images_study_key"), "images", ["study_key"], unique=False)
    op.create_table(
        "timings",
        sa.Column("file_id", sa.String(), nullable=False),
        sa.Column("stage", sa.String(), nullable=False),
        sa.Column("ms", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["file_id"], ["files.id"], name=op.f("fk_timings_file_id_files")),
        sa.PrimaryKeyConstraint("file_id", "stage", name=op.f("pk_timings")),
    )
    op.create_table(
        "knees",
        sa.Column("id", ROW_ID, nullable=False),
        sa.Column("file_id", sa.String(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column(
            "side",
            sa.Enum("left", "right", "unknown", name="side", native_enum=False, create_constraint=True, length=16),
            nullable=False,
        ),
        sa.Column("x", sa.Integer(), nullable=False),
        sa.Column("y", sa.Integer(), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("whole_frame", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["file_id"], ["images.file_id"], name=op.f("fk_knees_file_id_images")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_knees")),
        sa.UniqueConstraint("file_id", "position", "x", "y", "width", "height", name="uq_knees_place"),
    )
    op.create_table(
        "grades",
        sa.Column("id", ROW_ID, nullable=False),
        sa.Column("knee_id", ROW_ID, nullable=False),
        sa.Column("model_digest", sa.String(), nullable=False),
        sa.Column("software_version", sa.String(), nullable=False),
        sa.Column("is_current", sa.Boolean(), nullable=False),
        sa.Column("kl", sa.Integer(), nullable=False),
        sa.Column("p0", sa.Double(), nullable=False),
        sa.Column("p1", sa.Double(), nullable=False),
        sa.Column("p2", sa.Double(), nullable=False),
        sa.Column("p3", sa.Double(), nullable=False),
        sa.Column("p4", sa.Double(), nullable=False),
        sa.Column("confidence", sa.Double(), nullable=False),
        sa.Column("oa_probability", sa.Double(), nullable=False),
        sa.Column("agreement", sa.Double(), nullable=False),
        sa.Column("needs_review", sa.Boolean(), nullable=False),
        sa.Column("review_reasons", sa.JSON(), nullable=False),
        sa.Column("heatmap", sa.LargeBinary(), nullable=False),
        sa.Column("graded_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("kl BETWEEN 0 AND 4", name=op.f("ck_grades_kl")),
        sa.CheckConstraint("p0 BETWEEN 0 AND 1.000001", name=op.f("ck_grades_p0")),
        sa.CheckConstraint("p1 BETWEEN 0 AND 1.000001", name=op.f("ck_grades_p1")),
        sa.CheckConstraint("p2 BETWEEN 0 AND 1.000001", name=op.f("ck_grades_p2")),
        sa.CheckConstraint("p3 BETWEEN 0 AND 1.000001", name=op.f("ck_grades_p3")),
        sa.CheckConstraint("p4 BETWEEN 0 AND 1.000001", name=op.f("ck_grades_p4")),
        sa.ForeignKeyConstraint(["knee_id"], ["knees.id"], name=op.f("fk_grades_knee_id_knees")),
        sa.ForeignKeyConstraint(["model_digest"], ["models.digest"], name=op.f("fk_grades_model_digest_models")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_grades")),
        sa.UniqueConstraint("knee_id", "model_digest", "software_version", name="uq_grades_maker"),
    )
    op.create_index(op.f("ix_grades_graded_at"), "grades", ["graded_at"], unique=False)
    op.create_index(
        "uq_grades_current", "grades", ["knee_id"], unique=True, sqlite_where=CURRENT, postgresql_where=CURRENT
    )
    op.create_table(
        "pictures",
        sa.Column("id", ROW_ID, nullable=False),
        sa.Column("file_id", sa.String(), nullable=False),
        sa.Column("knee_id", ROW_ID, nullable=True),
        sa.Column(
            "kind",
            sa.Enum("frame", "crop", name="kind", native_enum=False, create_constraint=True, length=16),
            nullable=False,
        ),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["file_id"], ["images.file_id"], name=op.f("fk_pictures_file_id_images")),
        sa.ForeignKeyConstraint(["knee_id"], ["knees.id"], name=op.f("fk_pictures_knee_id_knees")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pictures")),
        sa.UniqueConstraint("file_id", "kind", "knee_id", name="uq_pictures_subject"),
    )
    op.create_index(op.f("ix_pictures_knee_id"), "pictures", ["knee_id"], unique=False)
