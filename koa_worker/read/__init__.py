"""Reads a file of any supported format into a Radiograph."""

from __future__ import annotations

import os

from koa_worker.config import Limits
from koa_worker.errors import InputRejected, WorkFailed
from koa_worker.read.dicom import identify_dicom, read_dicom
from koa_worker.read.raster import read_raster
from koa_worker.read.sniff import format_of
from koa_worker.values import Arrival, Patient, Radiograph, Study

__all__ = ["identify", "read"]


def read(arrival: Arrival, limits: Limits) -> Radiograph:
    """The image and everything that the file says about it; raises InputRejected if the file cannot be graded."""
    data = _load(arrival, limits)
    kind = format_of(data)
    if kind == "DICOM":
        return read_dicom(data, arrival.sha256, limits)
    return read_raster(data, kind, arrival.sha256, limits)


def identify(arrival: Arrival, limits: Limits | None = None) -> tuple[Study, Patient] | None:
    """Study and patient of a rejected DICOM file, if its header can be read. Never raises."""
    limits = limits or Limits()
    try:
        data = _load(arrival, limits)
        return identify_dicom(data, arrival.sha256, limits) if format_of(data) == "DICOM" else None
    # The file has been rejected already; a second error from the same bytes gives no new information.
    except Exception:  # noqa: BLE001
        return None


def _load(arrival: Arrival, limits: Limits) -> bytes:
    """The whole file. Its size is read from the open file, so that another file cannot take its place in between."""
    most = limits.max_file_mb * 1_000_000
    try:
        with arrival.path.open("rb") as stream:
            size = os.fstat(stream.fileno()).st_size
            if size > most:
                raise InputRejected("too_large", f"{size // 1_000_000} MB")
            return stream.read(size)
    except OSError as fault:
        raise WorkFailed("io", fault.strerror or type(fault).__name__) from fault
