"""The hash of a file, and objects that have none."""

import hashlib
from pathlib import Path
from typing import BinaryIO

import pytest

from koa_worker.intake import digest, file_hash, load_and_digest
from tests import make


def test_a_hash_is_that_of_the_bytes(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"knee")
    assert digest(tmp_path / "a") == hashlib.sha256(b"knee").hexdigest()


@pytest.mark.timeout(20)
@pytest.mark.parametrize("kind", make.IRREGULAR)
def test_what_is_no_regular_file_is_not_waited_for(tmp_path: Path, kind: str) -> None:
    with pytest.raises(OSError):  # noqa: PT011 - each kind has another
        digest(make.irregular(tmp_path / "knee.dcm", kind))


def test_bytes_and_hash_are_of_one_look(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"knee")
    hashed = hashlib.sha256(b"knee").hexdigest()
    assert load_and_digest(tmp_path / "a", 4) == (b"knee", hashed)
    assert load_and_digest(tmp_path / "a", 3) == (None, hashed)


def test_where_memory_is_short_there_is_a_hash_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a").write_bytes(b"knee")

    def short(stream: BinaryIO, size: int) -> bytes:
        stream.read(size // 2)
        raise MemoryError

    monkeypatch.setattr(file_hash, "_whole", short)
    assert load_and_digest(tmp_path / "a", 4) == (None, hashlib.sha256(b"knee").hexdigest())


def test_a_file_that_grows_meanwhile_is_not_taken_for_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a").write_bytes(b"knee")

    def grown(stream: BinaryIO, size: int) -> bytes:
        with (tmp_path / "a").open("ab") as other:
            other.write(b"s")
        return stream.read(size)

    monkeypatch.setattr(file_hash, "_whole", grown)
    with pytest.raises(OSError, match="grows"):
        load_and_digest(tmp_path / "a", 4)
