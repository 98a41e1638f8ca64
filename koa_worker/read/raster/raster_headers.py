"""Reads the headers of PNG, JPEG, TIFF and BMP: the size of the image, and whether the file is complete."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import imagecodecs
from numpy.typing import NDArray

from koa_worker.errors import InputRejected
from koa_worker.read import codestream
from koa_worker.read.pixels import decode_codestream
from koa_worker.read.raster import tifftags

Picture = Literal["PNG", "JPEG", "TIFF", "BMP"]

_TIFF_GRAY = (0, 1)  # white is zero, black is zero
_TIFF_RGB = 2


@dataclass(frozen=True, slots=True)
class RasterHeader:
    """The size and format from an image header, and the decoder for it."""

    rows: int
    columns: int
    bytes_per_pixel: int
    whole: bool
    decode: Callable[[], NDArray[Any]]
    orientation: int = 1
    white_is_zero: bool = False


def plan_for(data: bytes, kind: Picture) -> RasterHeader:
    return {"PNG": _png, "JPEG": _jpeg, "TIFF": _tiff, "BMP": _bmp}[kind](data)


def _png(data: bytes) -> RasterHeader:
    """Reads a PNG header: the header chunk is always first, and the end chunk shows that no chunk is missing."""
    if len(data) < 33:
        raise InputRejected("truncated", "within the PNG header")
    if data[12:16] != b"IHDR":
        raise InputRejected("damaged", "the PNG header")
    columns, rows, bits, colour = struct.unpack_from(">IIBB", data, 16)
    chunks = dict(_png_chunks(data))
    return RasterHeader(
        rows=rows,
        columns=columns,
        bytes_per_pixel={0: 1, 2: 3, 3: 4, 4: 2, 6: 4}.get(colour, 4) * (2 if bits == 16 else 1),
        whole=b"IEND" in chunks,
        decode=lambda: imagecodecs.png_decode(data),
        orientation=tifftags.orientation(chunks.get(b"eXIf", b"")),
    )


def _png_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The complete chunks of a PNG file; image data are not copied."""
    position = 8
    while position + 12 <= len(data):
        length, name = struct.unpack_from(">I4s", data, position)
        if position + 12 + length > len(data):
            return
        yield name, b"" if name == b"IDAT" else data[position + 8 : position + 8 + length]
        position += 12 + length


def _jpeg(data: bytes) -> RasterHeader:
    header, exif, whole = codestream.read_jpeg(data)
    return RasterHeader(
        rows=header.rows,
        columns=header.columns,
        bytes_per_pixel=header.samples * (1 if header.bits <= 8 else 2),
        whole=whole,
        decode=lambda: decode_codestream(data, header),
        orientation=tifftags.orientation(exif),
    )


def _tiff(data: bytes) -> RasterHeader:
    """Reads the header of the first page; a file with a second page is rejected."""
    directory = tifftags.read_directory(data)
    if directory.followed:
        raise InputRejected("multi_frame", "a TIFF of several pages")
    photometric = directory.first(tifftags.PHOTOMETRIC, 1)
    # libtiff converts palettes and other colour spaces to RGB; gray and RGB are not changed, not even with 16 bits.
    as_rgb = photometric not in (*_TIFF_GRAY, _TIFF_RGB)
    bits = directory.first(tifftags.BITS, 1)
    return RasterHeader(
        rows=directory.first(tifftags.HEIGHT),
        columns=directory.first(tifftags.WIDTH),
        bytes_per_pixel=4 if as_rgb else directory.first(tifftags.SAMPLES, 1) * max(1, bits // 8),
        whole=_tiff_is_whole(data, directory),
        decode=lambda: imagecodecs.tiff_decode(data, asrgb=as_rgb),
        orientation=1 if as_rgb else directory.first(tifftags.ORIENTATION, 1),
        white_is_zero=photometric == 0,
    )


def _tiff_is_whole(data: bytes, directory: tifftags.Directory) -> bool:
    """Whether the file contains all strips or tiles."""
    tags = directory.tags
    offsets = tags.get(tifftags.STRIP_OFFSETS) or tags.get(tifftags.TILE_OFFSETS) or ()
    sizes = tags.get(tifftags.STRIP_BYTES) or tags.get(tifftags.TILE_BYTES) or ()
    return all(offset + size <= len(data) for offset, size in zip(offsets, sizes, strict=False))


def _bmp(data: bytes) -> RasterHeader:
    """Bitmap file header (14 bytes) and information header; a negative height means that the top row is first."""
    if len(data) < 54:
        raise InputRejected("truncated", "within the BMP header")
    start, _, columns, rows, _, bits, compression = struct.unpack_from("<IIiiHHI", data, 10)
    stride = (columns * bits + 31) // 32 * 4
    return RasterHeader(
        rows=abs(rows),
        columns=columns,
        bytes_per_pixel=4,
        whole=compression in (1, 2) or start + stride * abs(rows) <= len(data),
        decode=lambda: imagecodecs.bmp_decode(data),
    )
