"""Folders: private, apart, on one file system."""

from pathlib import Path

import pytest

from koa_worker.config import Folders
from koa_worker.errors import SetupError
from koa_worker.intake import prepare_folders


def test_missing_folders_are_made_private(tmp_path: Path) -> None:
    folders = Folders().below(tmp_path)
    prepare_folders(folders)
    assert {path.stat().st_mode & 0o777 for path in folders.all().values()} == {0o700}


def test_the_rights_of_the_exporters_inbox_stay(tmp_path: Path) -> None:
    folders = Folders().below(tmp_path)
    folders.inbox.mkdir(parents=True, mode=0o770)
    folders.inbox.chmod(0o770)
    prepare_folders(folders)
    assert folders.inbox.stat().st_mode & 0o777 == 0o770


@pytest.mark.parametrize(
    "overlap", [{"done": "work/inbox/done"}, {"inbox": "work/done/in"}, {"failed": "work/rejected"}]
)
def test_overlapping_folders_are_refused(tmp_path: Path, overlap: dict[str, str]) -> None:
    with pytest.raises(SetupError, match="is inside"):
        prepare_folders(Folders.model_validate(overlap).below(tmp_path))


def test_an_overlap_through_a_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "work/inbox").mkdir(parents=True)
    (tmp_path / "elsewhere").symlink_to(tmp_path / "work/inbox")
    with pytest.raises(SetupError, match=r"is inside|is a symbolic link"):
        prepare_folders(Folders.model_validate({"done": "elsewhere/done"}).below(tmp_path))


def test_a_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "linked").symlink_to(tmp_path / "real")
    with pytest.raises(SetupError, match="is a symbolic link"):
        prepare_folders(Folders.model_validate({"done": "linked"}).below(tmp_path))


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SetupError, match="done cannot be created"):
        prepare_folders(Folders.model_validate({"done": "file/done"}).below(tmp_path))
