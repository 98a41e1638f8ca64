"""Files appear complete, private and durable, or not at all."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from koa_worker.system.durable import private_file, put_in_place, sweep, whole_file


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """What was synced and renamed, in order; the calls themselves go through."""
    seen: list[tuple[str, str]] = []

    def spy(name: str, describe: Callable[..., str]) -> None:
        real = getattr(os, name)

        def wrapped(*args: Any) -> Any:
            seen.append((name, describe(*args)))
            return real(*args)

        monkeypatch.setattr(os, name, wrapped)

    spy("fsync", lambda descriptor: Path(f"/proc/self/fd/{descriptor}").readlink().name)
    spy("replace", lambda part, path: f"{Path(part).name} → {Path(path).name}")
    return seen


def test_bytes_are_on_the_disk_before_the_name_and_the_name_before_anybody_is_told(
    tmp_path: Path, steps: list[tuple[str, str]]
) -> None:
    with whole_file(tmp_path / "a.txt", tmp_path / ".a.part") as stream:
        stream.write(b"all of it")
        assert not (tmp_path / "a.txt").exists()
    assert steps == [("fsync", ".a.part"), ("replace", ".a.part → a.txt"), ("fsync", tmp_path.name)]
    assert (tmp_path / "a.txt").read_bytes() == b"all of it"
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


def test_what_is_synced_is_what_was_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = []
    real = os.fsync

    def spy(descriptor: int) -> None:
        sizes.append(os.fstat(descriptor).st_size)
        real(descriptor)

    monkeypatch.setattr(os, "fsync", spy)
    with private_file(tmp_path / "a") as stream:
        stream.write(b"buffered")
    assert sizes == [8]


@pytest.mark.parametrize("exclusive", [True, False])
def test_only_the_owner_reads_it_whatever_the_umask_allows(tmp_path: Path, exclusive: bool) -> None:
    before = os.umask(0)
    try:
        with private_file(tmp_path / "note", exclusive=exclusive) as stream:
            assert stat.S_IMODE((tmp_path / "note").stat().st_mode) == 0o600
            stream.write(b"x")
        with whole_file(tmp_path / "whole", tmp_path / "part", exclusive=exclusive) as stream:
            stream.write(b"x")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "whole").stat().st_mode) == 0o600


def test_readers_see_the_old_file_until_the_new_one_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "report.pdf"
    path.write_bytes(b"old")
    with whole_file(path, tmp_path / "part") as stream:
        stream.write(b"new, and longer")
        stream.flush()
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new, and longer"


@pytest.mark.parametrize("fault", [ValueError, KeyboardInterrupt, OSError])
def test_a_failure_while_writing_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, steps: list[tuple[str, str]], fault: type[BaseException]
) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"old")

    def write() -> None:
        with whole_file(path, tmp_path / "part") as stream:
            stream.write(b"half of it")
            raise fault

    with pytest.raises(fault):
        write()
    assert [(one.name, one.read_bytes()) for one in tmp_path.iterdir()] == [("a", b"old")]
    assert steps == []


def test_a_name_that_cannot_be_taken_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    with pytest.raises(IsADirectoryError), whole_file(tmp_path / "a", tmp_path / "part") as stream:
        stream.write(b"x")
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_a_note_that_broke_off_is_gone(tmp_path: Path) -> None:
    with pytest.raises(ValueError), private_file(tmp_path / "note"):  # noqa: PT011 - any would do
        raise ValueError
    assert list(tmp_path.iterdir()) == []


def test_what_a_crash_left_is_overwritten_unless_nothing_may_lie_there(tmp_path: Path) -> None:
    part = tmp_path / "part"
    part.write_bytes(b"longer than what comes now")
    with pytest.raises(FileExistsError), whole_file(tmp_path / "a", part, exclusive=True):
        pass
    assert part.read_bytes() == b"longer than what comes now"  # its maker may still be writing it
    with whole_file(tmp_path / "a", part) as stream:
        stream.write(b"now")
    assert (tmp_path / "a").read_bytes() == b"now"


def test_a_name_is_given_for_good(tmp_path: Path, steps: list[tuple[str, str]]) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "part").write_bytes(b"x")
    put_in_place(tmp_path / "part", tmp_path / "in/a")
    assert steps == [("replace", "part → a"), ("fsync", "in")]


def test_only_what_is_abandoned_is_swept_away(tmp_path: Path) -> None:
    for name in ("a.part", "b.part", "c.part", "d.txt"):
        (tmp_path / name).touch()
    (tmp_path / "e.part").mkdir()

    def is_abandoned(path: Path) -> bool:
        if path.name == "b.part":
            raise PermissionError  # nobody knows, so that it stays
        return path.name != "c.part"

    sweep(tmp_path, "*.part", is_abandoned)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b.part", "c.part", "d.txt", "e.part"]
    sweep(tmp_path, "*.part")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["d.txt", "e.part"]


def test_what_another_process_removes_meanwhile_does_not_matter(tmp_path: Path) -> None:
    for name in ("a.part", "b.part"):
        (tmp_path / name).touch()

    def is_abandoned(path: Path) -> bool:
        path.unlink()
        return True

    sweep(tmp_path, "*.part", is_abandoned)
    assert list(tmp_path.iterdir()) == []
