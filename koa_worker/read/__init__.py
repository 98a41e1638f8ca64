"""Reads a file of any supported format into a Radiograph."""

from __future__ import annotations

from koa_worker.config import Limits
from koa_worker.errors import InputRejected
from koa_worker.read.dicom import read_dicom
from koa_worker.read.raster import read_raster
from koa_worker.read.sniff import format_of
from koa_worker.read.whole_file import load
from koa_worker.system.own_mark import has_words, is_stamped
from koa_worker.values import Arrival, Radiograph

__all__ = ["read"]


def read(arrival: Arrival, limits: Limits, data: bytes | None = None) -> Radiograph:
    """The image and everything that the file says about it; raises InputRejected if the file cannot be graded.

    `data` are the bytes that the arrival's hash was made of; without them the file is loaded.
    """
    data = load(arrival, limits) if data is None else data
    kind = format_of(data)
    if kind == "DICOM":
        radiograph = read_dicom(data, arrival.sha256, limits)
    elif has_words(data):
        raise InputRejected("own_result", "recognised by its text")
    else:
        radiograph = read_raster(data, kind, arrival.sha256, limits)
    if is_stamped(radiograph.pixels):
        raise InputRejected("own_result", "recognised by its marker bars")
    return radiograph
