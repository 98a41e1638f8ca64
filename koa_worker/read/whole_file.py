"""Loads a whole file, within the limits, and only if it is still the one that was hashed."""

from __future__ import annotations

import contextlib
import hashlib
import os

from koa_worker.config import Limits
from koa_worker.errors import InputRejected, WorkFailed
from koa_worker.read.dicom import identify
from koa_worker.read.sniff import format_of
from koa_worker.values import Arrival

HEADER_BYTES = 1_000_000  # for the header only: pixels come last, and most headers have less than a tenth of this


def load(arrival: Arrival, limits: Limits) -> bytes:
    """The whole file, if it is still the one that was hashed: its grade is kept under that hash.

    Its size is read from the open file, so that the file cannot be replaced in between.
    """
    most = limits.max_file_mb * 1_000_000
    try:
        with arrival.path.open("rb") as stream:
            size = os.fstat(stream.fileno()).st_size
            if size > most:
                raise _too_large(size, stream.read(HEADER_BYTES), arrival.sha256)
            data = stream.read(size)
    except OSError as fault:
        raise WorkFailed("io", fault.strerror or type(fault).__name__) from fault
    if arrival.sha256 and hashlib.sha256(data).hexdigest() != arrival.sha256:
        raise WorkFailed("io", "it has changed since it was hashed")
    return data


def _too_large(size: int, start: bytes, sha256: str) -> InputRejected:
    fault = InputRejected("too_large", f"{size // 1_000_000} MB")
    with contextlib.suppress(InputRejected):  # study and patient cannot be read, but the file is still too large
        if format_of(start) == "DICOM":
            fault.study, fault.patient = identify(start, sha256)
    return fault
