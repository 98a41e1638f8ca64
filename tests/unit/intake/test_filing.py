"""Originals are filed unchanged by date, under their ids."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from koa_worker.intake.filing import file_away, filed_path
from koa_worker.values import Arrival

AT = datetime(2026, 3, 4, 12, tzinfo=UTC)


def arrival(path: Path, name: str) -> Arrival:
    return Arrival(path, "0" * 64, 3, name, "1d")


@pytest.mark.parametrize(
    ("name", "expected"),
    [("a.DCM", "1d.dcm"), ("Ivanov.Ivan", "1d"), ("scan", "1d"), ("x.tar.png", "1d.png"), ("", "1d")],
)
def test_only_a_picture_ending_survives_of_the_name(name: str, expected: str) -> None:
    assert filed_path(arrival(Path("x"), name), Path("done"), AT) == Path("done/2026-03-04") / expected


def test_a_reject_has_its_reason_beside_it(tmp_path: Path) -> None:
    claimed = tmp_path / "1d.file"
    claimed.write_bytes(b"abc")
    target = tmp_path / "rejected/2026-03-04/1d.dcm"
    file_away(claimed, target, code="truncated", detail="3 of 9 bytes")
    assert target.read_bytes() == b"abc"
    reason = target.with_name("1d.dcm.reason.txt")
    assert reason.read_text().startswith("truncated\nThe file is truncated: its end is missing (3 of 9 bytes). ")
    assert reason.stat().st_mode & 0o777 == 0o600


def test_filing_twice_is_filing_once(tmp_path: Path) -> None:
    claimed, target = tmp_path / "a", tmp_path / "done/a"
    claimed.write_bytes(b"abc")
    file_away(claimed, target)
    file_away(claimed, target)
    assert target.read_bytes() == b"abc"


def test_nothing_to_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        file_away(tmp_path / "absent", tmp_path / "done/a")
