"""Claiming: exactly one worker gets a file, and a crash in between loses nothing."""

import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from koa_worker.intake import Waiting, claim, claim_again, digest, left_over, scan


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    (tmp_path / "inbox").mkdir()
    return tmp_path / "inbox"


@pytest.fixture
def work(tmp_path: Path) -> Path:
    (tmp_path / "work").mkdir()
    return tmp_path / "work"


def test_a_claimed_file_keeps_its_bytes_and_loses_its_name(inbox: Path, work: Path) -> None:
    (inbox / "Petrov^Anna.dcm").write_bytes(b"bytes")
    (waiting,) = scan(inbox).oldest
    taken = claim(waiting, work)
    assert taken is not None
    arrival = taken.load(0)[0]
    assert arrival.path.read_bytes() == b"bytes"
    assert (arrival.name, arrival.size, arrival.sha256) == ("Petrov^Anna.dcm", 5, digest(taken.path))
    assert "Petrov" not in str(arrival.path)
    assert list(inbox.iterdir()) == []
    assert {path.stat().st_mode & 0o777 for path in work.iterdir()} == {0o600}


def test_many_workers_claim_each_file_once(inbox: Path, work: Path) -> None:
    for number in range(200):
        (inbox / f"{number}.png").write_bytes(str(number).encode())
    waiting = scan(inbox).oldest
    taken: list[str] = []

    def labour() -> None:
        taken.extend(mine.name for file in waiting if (mine := claim(file, work)))

    workers = [threading.Thread(target=labour) for _ in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert sorted(taken) == sorted(f"{number}.png" for number in range(200))
    assert len(list(work.glob("*.json"))) == 200  # no note stays without its file


def test_what_a_stopped_worker_held_is_found_again(inbox: Path, work: Path) -> None:
    (inbox / "a.png").write_bytes(b"a")
    taken = claim(scan(inbox).oldest[0], work)
    assert list(left_over(work)) == [taken]


def test_a_note_without_a_file_is_swept_and_an_unreadable_note_costs_only_the_name(work: Path) -> None:
    (work / "0a.json").write_text('{"name": "x"}')
    (work / "0b.json").write_text("{")
    (work / "0b.file").write_bytes(b"x")
    (left,) = left_over(work)
    assert (left.id, left.name) == ("0b", "")
    assert not (work / "0a.json").exists()


def test_names_that_are_not_unicode_come_back_as_they_were(inbox: Path, work: Path) -> None:
    name = os.fsdecode(b"caf\xe9.dcm")
    (inbox / name).write_bytes(b"x")
    taken = claim(scan(inbox).oldest[0], work)
    assert taken is not None
    assert [left.name for left in left_over(work)] == [name]


def test_what_was_replaced_since_it_was_found_whole_is_not_taken(inbox: Path, work: Path) -> None:
    (inbox / "a.png").write_bytes(b"first")
    (waiting,) = scan(inbox).oldest
    (inbox / "a.png").write_bytes(b"half of the sec")
    assert claim(waiting, work) is None
    assert list(work.iterdir()) == []
    assert len(list(inbox.iterdir())) == 1


def test_what_became_a_link_is_not_taken(inbox: Path, work: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"s")
    (inbox / "a.png").symlink_to(tmp_path / "secret")
    facts = (inbox / "a.png").lstat()
    assert claim(Waiting(facts.st_mtime_ns, inbox / "a.png", facts.st_size), work) is None
    assert list(work.iterdir()) == []


def test_a_claim_that_the_file_system_refuses_leaves_no_note(inbox: Path, work: Path) -> None:
    (inbox / "a.png").write_bytes(b"a")
    (waiting,) = scan(inbox).oldest
    work.rmdir()
    with pytest.raises(OSError, match="No such file"):
        claim(waiting, work / "away")
    assert (inbox / "a.png").exists()


def test_two_workers_put_a_parked_file_in_hand_once(tmp_path: Path, work: Path) -> None:
    parked = tmp_path / "parked.png"
    parked.write_bytes(b"a")
    other = tmp_path / "other"
    other.mkdir()
    assert claim_again("1d", "a.png", parked, work) is not None
    assert claim_again("1d", "a.png", parked, other) is None
    assert list(other.iterdir()) == []


def swap_before_rename(monkeypatch: pytest.MonkeyPatch, swap: Callable[[Path], None]) -> None:
    """Somebody who may write to the inbox acts between the look and the rename."""
    rename = Path.rename

    def swapped(path: Path, target: Path) -> Path:
        monkeypatch.undo()
        swap(path)
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", swapped)


def test_a_link_that_is_swapped_in_is_not_followed(
    inbox: Path, work: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(b"bytes")
    secret.chmod(0o644)
    (inbox / "a.png").write_bytes(b"bytes")
    (waiting,) = scan(inbox).oldest

    def link(path: Path) -> None:
        path.unlink()
        path.symlink_to(secret)

    swap_before_rename(monkeypatch, link)
    assert claim(waiting, work) is None
    assert secret.stat().st_mode & 0o777 == 0o644
    assert list(work.iterdir()) == []
    assert (inbox / "a.png").is_symlink()


def test_another_file_or_a_folder_that_is_swapped_in_is_put_back(
    inbox: Path, work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def other(path: Path) -> None:
        path.rename(path.with_name("b.png"))
        path.write_bytes(b"BYTES")

    def folder(path: Path) -> None:
        path.unlink()
        path.mkdir()

    for swap in (other, folder):
        (inbox / "a.png").write_bytes(b"bytes")
        waiting = next(file for file in scan(inbox).oldest if file.path.name == "a.png")
        swap_before_rename(monkeypatch, swap)
        assert claim(waiting, work) is None
        assert list(work.iterdir()) == []
        assert (inbox / "a.png").exists()


def test_a_link_that_a_kill_left_in_the_work_folder_is_swept(work: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"x")
    (work / "0a.json").write_text('{"name": "x"}')
    (work / "0a.file").symlink_to(tmp_path / "secret")
    assert list(left_over(work)) == []
    assert list(work.iterdir()) == []
