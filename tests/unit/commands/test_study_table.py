"""The table of studies: the columns are those that are named, in all three forms."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import fields, replace
from typing import Any

import pyarrow.parquet as pq
import pytest

from koa_worker.commands.study_table import COLUMNS, export_studies, to_rows
from koa_worker.store.records.export import ExportedStudyKnee
from koa_worker.study.earlier import Course, Point, SpaceChange
from koa_worker.study.knees import bring_together
from koa_worker.values import GRADES, CompartmentName, Grade
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


@pytest.mark.parametrize("form", ["csv", "json", "parquet"])
def test_whose_a_knee_is_stands_last_and_only_on_demand(form: str) -> None:
    identity = {"patient_id": "P-1", "patient_issuer": "HOSP", "accession": "A-2"}
    row = exported(replace(knee(), identity=identity), form, with_identity=True)
    assert list(row) == [*COLUMNS, *identity]
    assert {name: row[name] for name in identity} == identity


def test_every_number_of_a_grade_is_a_column() -> None:
    several = {"probabilities": "p", "release_probabilities": "release_p"}
    assert {field.name for field in fields(Grade)} - set(several) <= set(COLUMNS)
    assert {f"{shares}{kl}" for shares in several.values() for kl in GRADES} <= set(COLUMNS)
    grade = knee().knee.stands.grade
    on_site = replace(grade, release_probabilities=(0.1, 0.1, 0.2, 0.3, 0.3), site="5e" * 32)
    scaled = replace(knee().knee, stands=replace(knee().knee.stands, grade=on_site))
    for line, site in ((knee().knee, None), (scaled, "5e" * 32)):
        (row,) = to_rows([replace(knee(), knee=line)])
        assert [row[f"p{kl}"] for kl in GRADES] == list(grade.probabilities)
        assert [row[f"release_p{kl}"] for kl in GRADES] == list(line.stands.grade.by_release)
        assert row["site"] == site


@pytest.mark.parametrize("form", ["csv", "json", "parquet"])
def test_every_form_has_the_same_row(form: str) -> None:
    row = exported(knee(), form)
    assert list(row) == list(COLUMNS)
    assert (row["side"], float(row["medial_change_mm"])) == ("right", -1.0)


def exported(one: ExportedStudyKnee, form: str, *, with_identity: bool = False) -> dict[str, Any]:
    """The only row of a table, read back."""
    stream = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    export_studies([one], form, stream, with_identity=with_identity)
    stream.flush()
    data = stream.buffer.getvalue()
    match form:
        case "csv":
            (row,) = csv.DictReader(io.StringIO(data.decode()))
            return dict(row)
        case "json":
            return dict(json.loads(data))
        case _:
            return dict(pq.read_table(io.BytesIO(data)).to_pylist()[0])
