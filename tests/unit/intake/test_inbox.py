"""What counts as waiting."""

import os
import subprocess
import time
import tracemalloc
from pathlib import Path

import pytest

from koa_worker.intake import scan
from tests import make


def drop(path: Path, modified: int, content: bytes = b"x") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    os.utime(path, (modified, modified))


def test_oldest_first_sub_folders_too(tmp_path: Path) -> None:
    drop(tmp_path / "b.dcm", 300)
    drop(tmp_path / "study/series/a", 100)
    drop(tmp_path / "c.png", 200)
    assert [waiting.path.name for waiting in scan(tmp_path).oldest] == ["a", "c.png", "b.dcm"]


def test_unfinished_hidden_and_empty_files_wait(tmp_path: Path) -> None:
    for name in ("a.part", "a.dcm.tmp", "A.PARTIAL", ".hidden", ".sync/a.dcm"):
        drop(tmp_path / name, 1)
    drop(tmp_path / "empty.dcm", 1, b"")
    assert scan(tmp_path).oldest == ()


def test_links_and_pipes_are_not_followed(tmp_path: Path) -> None:
    drop(tmp_path / "outside/secret.dcm", 1)
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    (inbox / "file.dcm").symlink_to(tmp_path / "outside/secret.dcm")
    (inbox / "folder").symlink_to(tmp_path / "outside")
    os.mkfifo(inbox / "pipe.dcm")
    assert scan(inbox).oldest == ()


@pytest.mark.parametrize("kind", make.IRREGULAR)
def test_what_is_no_regular_file_is_not_taken(tmp_path: Path, kind: str) -> None:
    make.irregular(tmp_path / "knee.dcm", kind)
    drop(tmp_path / "real.dcm", 1)
    assert [waiting.path.name for waiting in scan(tmp_path).oldest] == ["real.dcm"]


def test_a_missing_inbox_is_empty(tmp_path: Path) -> None:
    assert scan(tmp_path / "absent").oldest == ()


def test_what_stays_unfinished_is_counted_after_a_while(tmp_path: Path) -> None:
    now = int(time.time())
    drop(tmp_path / "old.part", now - 7200)
    drop(tmp_path / "old.dcm", now - 7200, b"")
    drop(tmp_path / "new.part", now)
    drop(tmp_path / "a.dcm", now - 7200)
    seen = scan(tmp_path, overdue_minutes=60)
    assert (seen.total, seen.overdue) == (1, 2)


def test_only_the_oldest_are_kept_in_mind(tmp_path: Path) -> None:
    for number in range(30):
        drop(tmp_path / f"{number}.dcm", 1000 - number)
    seen = scan(tmp_path, limit=5)
    assert [waiting.modified_ns // 10**9 for waiting in seen.oldest] == [971, 972, 973, 974, 975]
    assert seen.total == 30


def test_memory_does_not_grow_with_the_inbox(tmp_path: Path) -> None:
    peaks = []
    for many in (100, 1000, 4000):
        folder = tmp_path / str(many)
        folder.mkdir()
        for number in range(many):
            (folder / f"{number}.dcm").write_bytes(b"x")
        tracemalloc.start()
        assert scan(folder, limit=100).total == many
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[2] < peaks[1] + 20_000, peaks


def test_folders_may_be_nested_as_deep_as_paths_reach(tmp_path: Path) -> None:
    here = Path.cwd()
    os.chdir(tmp_path)
    try:
        for _ in range(1500):  # deeper than recursion goes, and than a path may be long
            Path("d").mkdir()
            os.chdir("d")
    finally:
        os.chdir(here)
    drop(tmp_path / "a.dcm", 1)
    try:
        assert scan(tmp_path).total == 1
    finally:
        subprocess.run(["rm", "-r", tmp_path / "d"], check=True)  # pytest's own cleaning up would recurse
