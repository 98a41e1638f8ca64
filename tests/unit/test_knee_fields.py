"""The fields of a graded knee: the table has all of them, and every output has all of the table."""

from __future__ import annotations

import json
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from koa_worker import knee_fields, values
from koa_worker.batch.parquet import SCHEMA
from koa_worker.batch.rows import rows_of
from koa_worker.commands.json_line import to_line
from koa_worker.knee_fields import COLUMNS as KNEE_COLUMNS
from koa_worker.knee_fields import KneeFields
from koa_worker.store import Store, encode
from koa_worker.tables.export import COLUMNS, to_rows
from koa_worker.values import (
    Box,
    Compartment,
    CompartmentName,
    Completed,
    Grade,
    GradedBy,
    GradedKnee,
    KneeRoi,
    ReviewCode,
    ReviewReason,
    Side,
)
from koa_worker.web.api import openapi
from tests import make

REASONS = (ReviewReason(ReviewCode.TURNED, 180), ReviewReason(ReviewCode.LOW_AGREEMENT, 3, 8))
ROI = KneeRoi(Box(9, -4, 220, 221), Side.LEFT, turned=2)
GRADE = make.grade(2, (0.0, 0.25, 0.5, 0.125, 0.125), agreement=0.375, reasons=REASONS)
SPACE = make.joint_space()


def completed() -> Completed:
    return make.completed(make.arrival(), make.knee(GRADE, ROI, space=SPACE))


def test_the_table_has_everything_that_is_known_of_a_knee() -> None:
    known = {field.name for kind in (Grade, KneeRoi, GradedKnee) for field in fields(kind)}
    pictures = {"crop", "heatmap"}
    of_the_grading = {"model"}
    within = {"roi", "grade"}
    while_grading = {"missing"}  # it ends in a reason or a refusal
    assert known - pictures - of_the_grading - within - while_grading <= set(KneeFields.model_fields)
    widths = {field.name for field in fields(Compartment)} - {"name"}
    assert widths == set(knee_fields.Compartment.model_fields)
    assert {name.value for name in CompartmentName} <= set(knee_fields.JointSpace.model_fields)


def test_the_json_line_has_every_field() -> None:
    (knee,) = to_line(completed(), Path("x"), "net-v1", None)["knees"]
    assert set(knee) == set(KneeFields.model_fields)
    assert json.loads(json.dumps(knee)) == knee
    assert set(knee["joint_space"]) == {"medial", "lateral", "calibration", "tibial_width_px"}
    assert knee["joint_space"]["medial"]["min_mm"] == 4.5
    assert knee["review_codes"] == ["turned", "low_agreement"]
    assert len(knee["review_reasons"]) == 2


def test_parquet_has_every_column() -> None:
    (row,) = rows_of(completed(), "/a/x", GradedBy("net-v1", "ab" * 32, "1.0"))
    assert set(KNEE_COLUMNS) <= set(SCHEMA.names)
    assert set(KNEE_COLUMNS) <= set(row)
    assert (row["p2"], row["box_height"], row["medial_mean_ratio"], row["turned"]) == (0.5, 221, 0.125, 2)


def test_the_export_has_every_column(tmp_path: Path) -> None:
    outcome = completed()
    with Store.open(f"sqlite:///{tmp_path}/koa.sqlite3") as store:
        store.files.add_arrival(outcome.arrival, datetime.now(UTC))
        store.files.start(outcome.arrival.id, "w")
        store.files.complete(outcome.arrival.id, encode(outcome), "ab" * 32, "1.0", "done/x")
        (row,) = to_rows(store.export.rows())
    assert set(KNEE_COLUMNS) <= set(COLUMNS)
    assert tuple(row) == COLUMNS
    (same,) = rows_of(outcome, "/a/x", GradedBy("net-v1", "ab" * 32, "1.0"))
    assert {name: row[name] for name in KNEE_COLUMNS} == {name: same[name] for name in KNEE_COLUMNS}


def test_the_document_of_the_api_has_every_field() -> None:
    schemas: dict[str, Any] = json.loads(openapi.document())["components"]["schemas"]
    assert set(KneeFields.model_fields) <= set(schemas["Knee"]["properties"])
    assert set(knee_fields.Compartment.model_fields) == set(schemas["Compartment"]["properties"])
    assert {"side", "box", "error"} == set(schemas["RefusedKnee"]["properties"])
    assert "refused" in schemas["Image"]["required"]


def test_a_column_has_the_type_of_its_values() -> None:
    row = knee_fields.to_columns(knee_fields.describe(0, ROI, GRADE, SPACE))
    assert list(row) == list(KNEE_COLUMNS)
    for name, kind in KNEE_COLUMNS.items():
        expected = list if kind == list[str] else kind
        assert row[name] is None or type(row[name]) is expected, name


def test_a_knee_that_was_not_measured_has_empty_columns() -> None:
    row = knee_fields.to_columns(knee_fields.describe(0, ROI, GRADE, None))
    assert [row[name] for name in row if name.endswith(("_mm", "_ratio", "_px"))] == [None] * 17


def test_a_refused_knee_has_columns_of_the_same_names() -> None:
    row = knee_fields.refused_columns(1, values.RefusedKnee(ROI, "implant", "metal"))
    assert set(row) - {"refused"} <= set(KNEE_COLUMNS)
    assert (row["knee"], row["box_x"], row["refused"]) == (1, 9, "implant")
