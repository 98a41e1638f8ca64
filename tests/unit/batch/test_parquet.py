"""The results for other programs: complete parts, typed columns, private files, and the same bytes every time."""

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from koa_worker import RESEARCH_NOTICE
from koa_worker.batch.parquet import SCHEMA, part_path, sweep, write_part
from koa_worker.batch.rows import rows_of
from koa_worker.tables.export import COLUMNS
from koa_worker.values import (
    Arrival,
    Box,
    Completed,
    GradedBy,
    KneeRoi,
    RefusedKnee,
    Rejected,
    ReviewCode,
    ReviewReason,
    Side,
    Study,
)
from tests import make

BY = GradedBy("net-v1", "ab" * 32, "1.0")


def completed() -> Completed:
    grade = make.grade(2, (0.1, 0.2, 0.3, 0.25, 0.15), agreement=0.875, reasons=(ReviewReason(ReviewCode.NOT_CHECKED),))
    crop = np.zeros((1, 1), np.uint8)  # so that a size that is measured is that of all else
    right = make.knee(grade, KneeRoi(Box(1, -4, 220, 220), Side.RIGHT), space=make.joint_space(), crop=crop)
    left = make.knee(grade, KneeRoi(Box(300, -4, 220, 220), Side.LEFT), crop=crop)
    refused = (RefusedKnee(KneeRoi(Box(600, 0, 9, 9), Side.LEFT, turned=1), "implant"),)
    return make.completed(make.arrival(), right, left, refused=refused, timings_ms={"read": 1.0})


def test_a_line_a_knee_and_one_that_says_why_there_is_none(tmp_path: Path) -> None:
    refused = Rejected(Arrival(Path("y"), "bb", 9, "Petrov"), "no_knee", "", Study("1.2", "1.2.4"))
    write_part(tmp_path, 3, [*rows_of(completed(), "/a/x", BY), *rows_of(refused, "/a/y", BY)])
    table = pq.read_table(tmp_path / "part-000003.parquet")
    right, left, implant, why = table.to_pylist()
    assert (right["medial_min_mm"], right["lateral_min_mm"]) == (4.5, None)
    assert (left["medial_min_mm"], left["tibial_width_px"]) == (None, None)
    assert (implant["refused"], implant["side"], implant["box_x"], implant["turned"]) == ("implant", "left", 600, 1)
    assert (implant["kl"], implant["outcome"], implant["code"]) == (None, "completed", None)
    assert (right["knee"], right["side"], right["kl"], right["p2"]) == (0, "right", 2, 0.3)
    assert (left["knee"], left["box_x"], left["box_y"], left["review_codes"]) == (1, 300, -4, ["not_checked"])
    assert (left["image_width"], left["image_height"], left["source"]) == (600, 400, "/a/x")
    assert (why["outcome"], why["code"], why["study_uid"], why["kl"]) == ("rejected", "no_knee", "1.2", None)
    assert [row["legs"] for row in (right, left, implant, why)] == [3, 3, 3, None]
    assert table.schema.metadata[b"notice"].decode() == RESEARCH_NOTICE


def test_a_rejected_file_has_a_line_for_each_knee_that_was_seen() -> None:
    knees = tuple(RefusedKnee(KneeRoi(Box(x, 2, 3, 3), Side.UNKNOWN), "implant", "metal") for x in (1, 9))
    seen = Rejected(Arrival(Path("y"), "bb", 9, "Petrov"), "implant", "bright", Study("1.2", "1.2.4"), refused=knees)
    rows = rows_of(seen, "/a/y", BY)
    assert [(row["knee"], row["box_x"], row["refused"], row["legs"]) for row in rows] == [
        (0, 1, "implant", 2),
        (1, 9, "implant", 2),
    ]
    assert {(row["outcome"], row["code"], row["detail"]) for row in rows} == {("rejected", "implant", "bright")}
    assert {name for row in rows for name in row} <= set(SCHEMA.names)


def test_every_column_of_the_export_but_the_stores_own_is_there() -> None:
    of_the_store = {"study_key", "conflicts_with", "graded_at", "is_current"}
    assert set(COLUMNS) - of_the_store <= set(SCHEMA.names)


def test_every_value_of_a_line_has_a_column() -> None:
    assert {name for row in rows_of(completed(), "/a/x", BY) for name in row} <= set(SCHEMA.names)


def test_the_same_lines_make_the_same_private_file(tmp_path: Path) -> None:
    rows = rows_of(completed(), "/a/x", BY)
    rows = tuple(row | {"file_id": "1"} for row in rows)
    write_part(tmp_path, 0, rows)
    first = part_path(tmp_path, 0).read_bytes()
    write_part(tmp_path, 0, rows)
    assert part_path(tmp_path, 0).read_bytes() == first
    assert part_path(tmp_path, 0).stat().st_mode & 0o077 == 0


def test_a_part_that_cannot_be_written_leaves_the_one_before(tmp_path: Path) -> None:
    write_part(tmp_path, 0, rows_of(completed(), "/a/x", BY))
    before = part_path(tmp_path, 0).read_bytes()
    with pytest.raises((TypeError, ValueError)):
        write_part(tmp_path, 0, [{"kl": "two"}])
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [before]


def test_what_a_kill_left_half_written_is_swept_away(tmp_path: Path) -> None:
    (tmp_path / ".part-000000.parquet.ab12").write_bytes(b"PAR1")
    sweep(tmp_path)
    assert list(tmp_path.iterdir()) == []
