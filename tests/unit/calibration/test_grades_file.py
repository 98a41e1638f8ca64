"""The CSV of grades: what is read, and the sentence for each line that cannot be used."""

from __future__ import annotations

from pathlib import Path

import pytest

from koa_worker.calibration.grades_file import read_grades
from koa_worker.errors import SetupError


def write(folder: Path, text: str) -> Path:
    path = folder / "grades.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_lines_are_read_with_side_and_subject(tmp_path: Path) -> None:
    path = write(tmp_path, "\ufeffPath, KL, Side, Subject\na.dcm, 2, R, p1\n/b.dcm,KL3,both,\nc.dcm,4.0,,\n")
    grades, notes = read_grades(path)
    assert notes == ()
    assert [(one.line, one.path, one.kl, one.side, one.subject) for one in grades] == [
        (2, tmp_path / "a.dcm", 2, "right", "p1"),
        (3, Path("/b.dcm"), 3, "both", ""),
        (4, tmp_path / "c.dcm", 4, "", ""),
    ]


def test_results_in_the_store_are_named_by_their_image(tmp_path: Path) -> None:
    ((one,), _) = read_grades(write(tmp_path, "sop_uid,side,kl\n1.2.3,left,0\n"))
    assert (one.path, one.sop_uid, one.side, one.kl) == (None, "1.2.3", "left", 0)


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("secret.dcm,,", "Line 2 has no grade."),
        ("secret.dcm", "Line 2 has no grade."),
        (",3,", "Line 2 names no image."),
        ("secret.dcm,22,", "Line 2: the grade is not one of 0, 1, 2, 3, 4."),
        ("secret.dcm,-1,", "Line 2: the grade is not one of 0, 1, 2, 3, 4."),
        ("secret.dcm,2.5,", "Line 2: the grade is not one of 0, 1, 2, 3, 4."),
        ("secret.dcm,two,", "Line 2: the grade is not one of 0, 1, 2, 3, 4."),
        ("secret.dcm,2,up", "Line 2: the side is not left, right or both."),
    ],
)
def test_a_line_that_cannot_be_used_is_named_by_its_number_alone(tmp_path: Path, line: str, sentence: str) -> None:
    grades, notes = read_grades(write(tmp_path, f"path,kl,side\n{line}\n\nb.dcm,1,\n"))
    assert notes == (sentence,)
    assert [one.kl for one in grades] == [1]


@pytest.mark.parametrize("content", [b"", b"name,grade\nx,1\n", b"sop_uid,kl\n1,2\n", b"path,kl\n\xff\xfe\x00,1\n"])
def test_a_file_that_is_no_table_of_grades_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "grades.csv").write_bytes(content)
    with pytest.raises(SetupError) as fault:
        read_grades(tmp_path / "grades.csv")
    assert fault.value.code == "grades_unusable"


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SetupError) as fault:
        read_grades(tmp_path / "none.csv")
    assert fault.value.code == "grades_unusable"
