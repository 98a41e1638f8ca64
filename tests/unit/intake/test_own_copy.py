"""No other account can change a claimed file: a second name or an open descriptor elsewhere leads to other bytes."""

import os
from pathlib import Path

import pytest

from koa_worker.intake import claim, scan
from koa_worker.intake.own_copy import make_own


@pytest.fixture
def claimed(tmp_path: Path) -> Path:
    path = tmp_path / "0a.file"
    path.write_bytes(b"bytes")
    return path


def test_a_file_of_ours_with_one_name_stays_as_it_is(claimed: Path) -> None:
    before = claimed.stat().st_ino
    make_own(claimed)
    assert claimed.stat().st_ino == before


def test_a_second_name_reaches_another_file(claimed: Path, tmp_path: Path) -> None:
    (tmp_path / "kept.png").hardlink_to(claimed)
    facts = claimed.stat()
    make_own(claimed)
    with (tmp_path / "kept.png").open("ab") as stream:
        stream.write(b" and more")
    assert claimed.read_bytes() == b"bytes"
    assert claimed.stat().st_mode & 0o777 == 0o600
    assert claimed.stat().st_mtime_ns == facts.st_mtime_ns
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0a.file", "kept.png"]


@pytest.mark.skipif(os.geteuid() != 0, reason="needs another account")
def test_an_open_descriptor_of_another_account_reaches_another_file(claimed: Path) -> None:
    os.chown(claimed, 12345, 12345)
    with claimed.open("r+b") as theirs:
        make_own(claimed)
        theirs.write(b"other")
    assert claimed.read_bytes() == b"bytes"
    assert claimed.stat().st_uid == os.geteuid()


def test_a_link_is_not_followed(tmp_path: Path, claimed: Path) -> None:
    (tmp_path / "link.file").symlink_to(claimed)
    with pytest.raises(OSError, match="symbolic links"):
        make_own(tmp_path / "link.file")


def test_arriving_makes_it_own(tmp_path: Path) -> None:
    (tmp_path / "inbox").mkdir()
    (tmp_path / "work").mkdir()
    (tmp_path / "kept.png").write_bytes(b"bytes")
    (tmp_path / "inbox/a.png").hardlink_to(tmp_path / "kept.png")
    taken = claim(scan(tmp_path / "inbox").oldest[0], tmp_path / "work")
    assert taken is not None
    taken.load(0)
    assert taken.path.stat().st_nlink == 1


def test_a_descriptor_that_is_open_for_writing_reaches_another_file(claimed: Path) -> None:
    with claimed.open("r+b") as writer:
        make_own(claimed)
        writer.write(b"other")
    assert claimed.read_bytes() == b"bytes"
