"""What counts as waiting."""

import os
from pathlib import Path

from koa_worker.intake import list_waiting


def drop(path: Path, modified: int, content: bytes = b"x") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    os.utime(path, (modified, modified))


def test_oldest_first_sub_folders_too(tmp_path: Path) -> None:
    drop(tmp_path / "b.dcm", 300)
    drop(tmp_path / "study/series/a", 100)
    drop(tmp_path / "c.png", 200)
    assert [waiting.path.name for waiting in list_waiting(tmp_path)] == ["a", "c.png", "b.dcm"]


def test_unfinished_hidden_and_empty_files_wait(tmp_path: Path) -> None:
    for name in ("a.part", "a.dcm.tmp", "A.PARTIAL", ".hidden", ".sync/a.dcm"):
        drop(tmp_path / name, 1)
    drop(tmp_path / "empty.dcm", 1, b"")
    assert list_waiting(tmp_path) == []


def test_links_and_pipes_are_not_followed(tmp_path: Path) -> None:
    drop(tmp_path / "outside/secret.dcm", 1)
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    (inbox / "file.dcm").symlink_to(tmp_path / "outside/secret.dcm")
    (inbox / "folder").symlink_to(tmp_path / "outside")
    os.mkfifo(inbox / "pipe.dcm")
    assert list_waiting(inbox) == []


def test_a_missing_inbox_is_empty(tmp_path: Path) -> None:
    assert list_waiting(tmp_path / "absent") == []
