"""Writes DICOM files of every kind for the reading tests, and reads bytes as if they had arrived."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
from pydicom import uid
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.filewriter import dcmwrite
from pydicom.pixels.encoders import RLELosslessEncoder

from koa_worker.config import Limits
from koa_worker.errors import InputRejected
from koa_worker.read import read
from koa_worker.values import Arrival, Radiograph

CR = "1.2.840.10008.5.1.4.1.1.1"

Make = Callable[..., bytes]


def encode(pixels: np.ndarray, syntax: str, bits: int) -> bytes:
    """One frame of `pixels` in a compressed transfer syntax."""
    wide = bits if pixels.itemsize > 1 else 8
    jpeg = {"bitspersample": wide} if wide > 8 else {}
    encoders: dict[str, Callable[[], bytes]] = {
        uid.JPEGBaseline8Bit: lambda: imagecodecs.jpeg8_encode(pixels, 98),
        uid.JPEGExtended12Bit: lambda: imagecodecs.jpeg8_encode(pixels, 98, bitspersample=12),
        uid.JPEGLossless: lambda: imagecodecs.jpeg8_encode(pixels, lossless=True, predictor=5, **jpeg),
        uid.JPEGLosslessSV1: lambda: imagecodecs.jpeg8_encode(pixels, lossless=True, predictor=1, **jpeg),
        uid.JPEGLSLossless: lambda: imagecodecs.jpegls_encode(pixels),
        uid.JPEGLSNearLossless: lambda: imagecodecs.jpegls_encode(pixels, 2),
        uid.JPEG2000Lossless: lambda: imagecodecs.jpeg2k_encode(pixels, codecformat="J2K", reversible=True),
        uid.JPEG2000: lambda: imagecodecs.jpeg2k_encode(pixels, level=85, codecformat="J2K", reversible=False),
        uid.HTJ2KLossless: lambda: imagecodecs.htj2k_encode(pixels, reversible=True),
        uid.HTJ2K: lambda: imagecodecs.htj2k_encode(pixels, reversible=True),
        uid.RLELossless: lambda: _run_lengths(pixels),
    }
    return bytes(encoders[syntax]())


def _run_lengths(pixels: np.ndarray) -> bytes:
    return RLELosslessEncoder.encode(
        pixels,
        rows=pixels.shape[0],
        columns=pixels.shape[1],
        samples_per_pixel=pixels.shape[2] if pixels.ndim == 3 else 1,
        bits_allocated=pixels.itemsize * 8,
        bits_stored=pixels.itemsize * 8,
        pixel_representation=0,
        photometric_interpretation="RGB" if pixels.ndim == 3 else "MONOCHROME2",
        number_of_frames=1,
        planar_configuration=0,
    )


def dataset_for(pixels: np.ndarray, bits: int) -> Dataset:
    dataset = Dataset()
    dataset.SOPClassUID = CR
    dataset.SOPInstanceUID = "1.2.3.4.5.1"
    dataset.StudyDate, dataset.StudyTime = "20260131", "101112"
    dataset.Modality = "CR"
    dataset.PatientName, dataset.PatientID = "Doe^Jane", "P-17"
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = "1.2.3.4.5", "1.2.3.4.5.0"
    dataset.SamplesPerPixel = 1 if pixels.ndim == 2 else 3
    dataset.PhotometricInterpretation = "MONOCHROME2" if pixels.ndim == 2 else "RGB"
    if pixels.ndim == 3:
        dataset.PlanarConfiguration = 0
    dataset.Rows, dataset.Columns = pixels.shape[:2]
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = pixels.itemsize * 8, bits, bits - 1
    dataset.PixelRepresentation = 1 if pixels.dtype.kind == "i" else 0
    return dataset


def make_dicom(
    pixels: np.ndarray,
    syntax: str = uid.ExplicitVRLittleEndian,
    *,
    bits: int | None = None,
    frame: bytes | None = None,
    fragments: int = 1,
    offset_table: bool = True,
    preamble: bool = True,
    without: tuple[str, ...] = (),
    **values: Any,
) -> bytes:
    """A DICOM file of `pixels`; `values` are further elements, `without` names some to leave out."""
    bits = bits or pixels.itemsize * 8
    dataset = dataset_for(pixels, bits)
    compressed = uid.UID(syntax).is_compressed and syntax != uid.DeflatedExplicitVRLittleEndian
    if frame is not None or compressed:
        frame = encode(pixels, syntax, bits) if frame is None else frame
        dataset.PixelData = encapsulate([frame], fragments_per_frame=fragments, has_bot=offset_table)
        dataset["PixelData"].VR = "OB"
    else:
        order = ">" if syntax == uid.ExplicitVRBigEndian else "<"
        raw = pixels.astype(pixels.dtype.newbyteorder(order)).tobytes()
        dataset.add_new("PixelData", "OB" if pixels.itemsize == 1 else "OW", raw + b"\0" * (len(raw) % 2))
    for keyword, value in values.items():
        setattr(dataset, keyword, value)
    for keyword in without:
        del dataset[keyword]
    return written(dataset, syntax, preamble=preamble)


def written(dataset: Dataset, syntax: str, *, preamble: bool = True) -> bytes:
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.file_meta.MediaStorageSOPClassUID = dataset.get("SOPClassUID", CR)
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.get("SOPInstanceUID", "1.2.3")
    stream = BytesIO()
    dcmwrite(stream, dataset, enforce_file_format=True)
    data = stream.getvalue()
    return data if preamble else data[132:]


@pytest.fixture
def make() -> Make:
    return make_dicom


@pytest.fixture
def write() -> Make:
    return written


@pytest.fixture(scope="session")
def take(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Radiograph]:
    """Reads bytes the way a file is read that has arrived."""
    folder: Path = tmp_path_factory.mktemp("arrived")

    def take_bytes(data: bytes, limits: Limits | None = None) -> Radiograph:
        return read(arrival_of(data, folder), limits or Limits())

    return take_bytes


@pytest.fixture(scope="session")
def refused(take: Callable[..., Radiograph]) -> Callable[..., str]:
    """The code with which bytes are rejected."""

    def code(data: bytes, limits: Limits | None = None) -> str:
        with pytest.raises(InputRejected) as caught:
            take(data, limits)
        assert "Doe" not in str(caught.value)
        assert "P-17" not in str(caught.value)
        return caught.value.code

    return code


@pytest.fixture
def arrive(tmp_path: Path) -> Callable[[bytes], Arrival]:
    return lambda data: arrival_of(data, tmp_path)


def arrival_of(data: bytes, folder: Path) -> Arrival:
    path = folder / "it"
    path.write_bytes(data)
    return Arrival(path, hashlib.sha256(data).hexdigest(), len(data), path.name)


@pytest.fixture(scope="session")
def plate() -> np.ndarray:
    """A small 12-bit picture with smooth and sharp parts, no two quadrants alike."""
    rows, columns = np.mgrid[0:120, 0:96]
    smooth = 1800 + 1500 * np.sin(rows / 17.0) * np.cos(columns / 23.0) + 3 * rows
    smooth[20:50, 10:30] += 500
    noise = np.random.default_rng(7).normal(0, 12, smooth.shape)
    return np.clip(smooth + noise, 0, 4095).astype(np.uint16)
