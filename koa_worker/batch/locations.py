"""Paths and URLs: which of both a text is, writing them as text, and loading their bytes for a decoder."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote_to_bytes, urlsplit

import fsspec

from koa_worker.errors import SetupError, WorkFailed

_BYTES_AT_A_TIME = 16 << 20  # each piece is a request to the store: most files are one


def is_remote(place: str) -> bool:
    return "://" in place and not place.startswith("file://")


def is_in_memory(place: str) -> bool:
    """Whether it is in the memory of this process, so that no other process can read it."""
    return place.startswith("memory://")


def local_place(path: str) -> str:
    """The path as text; as a URL if its bytes are not text, which happens in old archives."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return Path(path).as_uri()
    return path


def local_path(place: str) -> Path:
    if place.startswith("file://"):
        return Path(os.fsdecode(unquote_to_bytes(place.removeprefix("file://"))))
    return Path(place)


def name_of(place: str) -> str:
    """The file's own name, only for the store."""
    return PurePosixPath(urlsplit(place).path).name if is_remote(place) else local_path(place).name


def file_system(place: str) -> tuple[Any, str]:
    """The file system of a URL, and the path in it."""
    try:
        system, path = fsspec.core.url_to_fs(place)
    except (ImportError, ValueError) as fault:
        raise SetupError("batch_source", f"{urlsplit(place).scheme}://: {fault}") from fault
    return system, path


@contextmanager
def brought_here(place: str, data: bytes | None, most: int) -> Iterator[Path]:
    """The entry's file as a local path; while the context is open, a remote file is copied into one without a name.

    What has no name is gone when the process ends, also if it is killed.
    """
    if data is None and not is_remote(place):
        yield local_path(place)
        return
    with tempfile.TemporaryFile() as copy:
        if data is not None:
            copy.write(data)
        else:
            _copy(place, copy, most)
        copy.flush()
        yield Path(f"/proc/self/fd/{copy.fileno()}")


def load(place: str, most: int) -> bytes:
    """The bytes of an entry that only this process can read, up to slightly more than the limit for a file."""
    system, path = file_system(place)
    with system.open(path, "rb") as stream:
        data: bytes = stream.read(most + 1)
    return data


def _copy(place: str, copy: Any, most: int) -> None:
    """Copies up to slightly more than the limit for a file; the reader then rejects it as too large."""
    left = most + 1
    try:
        system, path = file_system(place)
        with system.open(path, "rb", cache_type="none") as stream:  # s3fs would keep 50 MB more than it is asked for
            while left > 0 and (piece := stream.read(min(left, _BYTES_AT_A_TIME))):
                copy.write(piece)
                left -= len(piece)
    # Each kind of storage has its own exceptions, and their messages may contain the file's name.
    except Exception as fault:
        raise WorkFailed("io", type(fault).__name__) from fault
