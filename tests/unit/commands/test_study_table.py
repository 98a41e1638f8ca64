"""The table of studies: the columns are those that are named, in all three forms."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import fields

import pyarrow.parquet as pq
import pytest

from koa_worker.commands.study_table import COLUMNS, export_studies, to_rows
from koa_worker.store import ExportedStudyKnee
from koa_worker.study.earlier import Course, Point, SpaceChange
from koa_worker.study.knees import bring_together
from koa_worker.values import CompartmentName, Grade
from tests.unit.study.test_earlier import NOW, THEN, seen, space


def knee() -> ExportedStudyKnee:
    (now,) = bring_together([seen(3, space(3.0), uid="1"), seen(1, space(4.0), uid="2", view="AP")])
    (then,) = bring_together([seen(1, space(4.0))])
    change = SpaceChange(CompartmentName.MEDIAL, 4.0, 3.0)
    return ExportedStudyKnee("k", "1.2", now, Course((Point(THEN, then, "s1"), Point(NOW, now, "")), (change,), None))


def test_a_row_has_the_grade_that_stands_the_others_and_the_change() -> None:
    (row,) = to_rows([knee()])
    assert tuple(row) == COLUMNS
    assert (row["kl"], row["lowest_kl"], row["highest_kl"], row["other_file_ids"]) == (3, 1, 3, ["2"])
    assert (row["review_codes"], row["needs_review"]) == (["images_disagree"], True)
    assert (row["kl_change"], row["earlier_days"]) == (2, 365)
    assert (row["medial_change_mm"], row["lateral_change_mm"]) == (-1.0, None)


def test_every_number_of_a_grade_is_a_column() -> None:
    left_out = {"probabilities", "review_reasons"}  # the five shares are in the table by image
    assert {field.name for field in fields(Grade)} - left_out <= set(COLUMNS)


@pytest.mark.parametrize("form", ["csv", "json", "parquet"])
def test_every_form_has_the_same_row(form: str) -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    export_studies([knee()], form, stream)
    stream.flush()
    data = stream.buffer.getvalue()  # type: ignore[attr-defined]
    match form:
        case "csv":
            (row,) = csv.DictReader(io.StringIO(data.decode()))
        case "json":
            row = json.loads(data)
        case _:
            (row,) = pq.read_table(io.BytesIO(data)).to_pylist()
    assert list(row) == list(COLUMNS)
    assert (row["side"], float(row["medial_change_mm"])) == ("right", -1.0)
