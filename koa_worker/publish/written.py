"""An object in the form that a destination accepts: compressed, as it was made, or decompressed."""

from __future__ import annotations

import io
from pathlib import Path

from pydicom.dataset import Dataset
from pydicom.filereader import dcmread

from koa_worker.config import DestinationSettings


def data_set_for(destination: DestinationSettings, path: Path) -> Dataset:
    target = dcmread(path)
    if destination.compression == "none" and target.file_meta.TransferSyntaxUID.is_compressed:
        target.decompress(generate_instance_uid=False)
    return target


def bytes_for(destination: DestinationSettings, path: Path) -> bytes:
    """The file's bytes; re-encoded only if the destination needs it."""
    if destination.compression == "jpeg":
        return path.read_bytes()
    stream = io.BytesIO()
    data_set_for(destination, path).save_as(stream, enforce_file_format=True)
    return stream.getvalue()
