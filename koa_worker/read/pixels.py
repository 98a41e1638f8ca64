"""Decodes pixel data, native or compressed, into one gray plane of stored codes."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Literal

import cv2
import imagecodecs
import numpy as np
from numpy.typing import NDArray
from pydicom import uid

from koa_worker.errors import InputRejected
from koa_worker.read.codestream import Header, read_header
from koa_worker.read.layout import Layout, check_size
from koa_worker.read.parse import PIXEL_DATA, UNDEFINED, Parsed, PixelElement
from koa_worker.system.transfer_syntaxes import NATIVE, TRANSFER_SYNTAXES

ByteOrder = Literal["little", "big"]
Codes = NDArray[Any]  # uint8 or uint16, two-dimensional, native byte order

_DEFLATED_FRAME = "1.2.840.10008.1.2.8.1"
_LOSSY = frozenset((uid.JPEGBaseline8Bit, uid.JPEGExtended12Bit, uid.JPEGLSNearLossless, uid.JPEG2000, uid.HTJ2K))
_ITEM = 0xFFFEE000
_SEQUENCE_DELIMITER = 0xFFFEE0DD


def check_syntax(syntax: str) -> None:
    if syntax not in {*TRANSFER_SYNTAXES, _DEFLATED_FRAME}:
        name = uid.UID(syntax).name if uid.UID(syntax).is_transfer_syntax else "not a registered one"
        raise InputRejected("unsupported_syntax", name)


def is_lossy(syntax: str) -> bool:
    return syntax in _LOSSY


def decode(parsed: Parsed, layout: Layout, max_megapixels: int) -> Codes:
    """The codes of the frame. Colour becomes luminance; palette indices and gray codes are unchanged."""
    element = parsed.pixels
    if element is None or element.tag != PIXEL_DATA:
        raise InputRejected("unsupported_pixels", "the pixels are floating-point numbers")
    if parsed.syntax in NATIVE:
        return _native(element, layout, "big" if parsed.syntax == uid.ExplicitVRBigEndian else "little")
    if not element.encapsulated:
        raise InputRejected("damaged", "the compressed pixel data are not encapsulated")
    frame = _frame(element.value)
    if parsed.syntax == uid.RLELossless:
        return _run_lengths(frame, layout)
    if parsed.syntax == _DEFLATED_FRAME:
        return _deflated(frame, layout)
    return _compressed(frame, layout, max_megapixels)


def _native(element: PixelElement, layout: Layout, order: ByteOrder) -> Codes:
    if element.encapsulated:
        raise InputRejected("damaged", "encapsulated pixel data in a transfer syntax without compression")
    expected, found = layout.frame_bytes, len(element.value)
    if found < expected:
        # If the element declares more bytes than there are, a copy truncated the file; else it is corrupt.
        raise InputRejected("truncated" if element.declared > found else "damaged", "fewer pixels than Rows × Columns")
    if found >= 2 * expected:
        raise InputRejected("multi_frame", "the pixel data are larger than one frame of Rows × Columns")
    raw = element.value[:expected]
    if layout.bits_allocated == 8 and order == "big" and element.vr == "OW":
        swapped = np.frombuffer(element.value[: expected + expected % 2], ">u2").astype("<u2")  # PS3.5 8.1.1
        raw = memoryview(swapped.tobytes())[:expected]
    return _plane(np.frombuffer(raw, _dtype(layout, order)), layout)


def _dtype(layout: Layout, order: ByteOrder = "little") -> np.dtype[Any]:
    return np.dtype(np.uint8 if layout.bits_allocated == 8 else np.uint16).newbyteorder(order)


def _plane(flat: NDArray[Any], layout: Layout) -> Codes:
    """The samples of a frame, in their order in the file, as one gray plane."""
    flat = flat.astype(flat.dtype.newbyteorder("="), copy=False)
    rows, columns = layout.rows, layout.columns
    if layout.samples == 1:
        return flat.reshape(rows, columns)
    if layout.photometric in ("YBR_FULL_422", "YBR_PARTIAL_422") and flat.size == rows * columns * 2:
        return np.ascontiguousarray(flat.reshape(-1, 4)[:, :2]).reshape(rows, columns)  # Y Y Cb Cr: C.7.6.3.1.2
    if layout.planar:
        return _luminance(np.moveaxis(flat.reshape(3, rows, columns), 0, -1), layout)
    return _luminance(flat.reshape(rows, columns, 3), layout)


def _luminance(pixels: NDArray[Any], layout: Layout) -> Codes:
    """The gray values of a colour image; a captured radiograph has three equal channels anyway."""
    if layout.photometric in ("YBR_FULL", "YBR_FULL_422", "YBR_PARTIAL_422"):
        return np.ascontiguousarray(pixels[..., 0])
    return cv2.cvtColor(np.ascontiguousarray(pixels), cv2.COLOR_RGB2GRAY)


def _frame(value: memoryview) -> bytes:
    """The bytes of the frame, joined from its fragments: PS3.5 A.4."""
    fragments = list(_fragments(value))
    if not fragments:
        raise InputRejected("truncated", "the pixel data contain no fragment")
    offsets, *rest = fragments
    if len(offsets) > 4:  # four bytes a frame
        raise InputRejected("multi_frame", "the offset table lists several frames")
    if not rest:
        raise InputRejected("truncated", "the pixel data contain no fragment")
    return bytes(rest[0]) if len(rest) == 1 else b"".join(rest)


def _fragments(value: memoryview) -> Iterator[memoryview]:
    """All items, the offset table first. Encapsulated data are always little endian.

    A missing delimiter at the end is accepted: the end marker of the frame shows whether it is complete.
    """
    position = 0
    while position < len(value):
        if position + 8 > len(value):
            raise InputRejected("truncated", "between two fragments of the pixel data")
        group, element, length = struct.unpack_from("<HHI", value, position)
        position += 8
        tag = group << 16 | element
        if tag == _SEQUENCE_DELIMITER:
            return
        if tag != _ITEM or length == UNDEFINED:
            raise InputRejected("damaged", "the pixel data's fragments")
        if position + length > len(value):
            raise InputRejected("truncated", "within a fragment of the pixel data")
        yield value[position : position + length]
        position += length


def _run_lengths(frame: bytes, layout: Layout) -> Codes:
    """PS3.5 annex G: one segment for each byte of each sample; the output is bounded by the header's size."""
    expected = layout.rows * layout.columns * layout.samples * layout.bytes_per_sample
    if len(frame) < 64:
        raise InputRejected("truncated", "within the run-length header")
    if struct.unpack_from("<I", frame)[0] != layout.samples * layout.bytes_per_sample:
        raise InputRejected("damaged", "the number of run-length segments")
    try:
        decoded = imagecodecs.dicomrle_decode(frame, _dtype(layout), out=bytearray(expected))
    except (RuntimeError, ValueError, IndexError) as fault:
        raise InputRejected("damaged", "the run-length coded pixels") from fault
    if len(decoded) != expected:
        raise InputRejected("damaged", "fewer run-length coded pixels than Rows × Columns")
    return _plane(np.frombuffer(decoded, _dtype(layout)), replace(layout, planar=True))


def _deflated(frame: bytes, layout: Layout) -> Codes:
    """Deflated Image Frame Compression: PS3.5 A.4.13."""
    try:
        raw = zlib.decompressobj(-zlib.MAX_WBITS).decompress(frame, layout.frame_bytes)
    except zlib.error as fault:
        raise InputRejected("damaged", "the deflated pixels") from fault
    if len(raw) < layout.frame_bytes:
        raise InputRejected("truncated", "the deflated pixels")
    return _plane(np.frombuffer(raw, _dtype(layout)), layout)


def _compressed(frame: bytes, layout: Layout, max_megapixels: int) -> Codes:
    """Decodes the JPEG family. The codestream gives the kind of JPEG, because headers often name the wrong one."""
    header = read_header(frame)
    if (header.rows, header.columns, header.samples) != (layout.rows, layout.columns, layout.samples):
        raise InputRejected("damaged", "the size of the compressed image differs from Rows × Columns")
    if not 2 <= header.bits <= 16:
        raise InputRejected("unsupported_pixels", f"{header.bits} bits in the compressed image")
    check_size(header.rows, header.columns, header.samples * (1 if header.bits <= 8 else 2), max_megapixels)
    pixels = decode_codestream(frame, header, photometric=layout.photometric)
    if pixels.dtype.kind == "i":  # signed JPEG 2000 samples: keep the bits, PixelRepresentation gives the sign later
        pixels = pixels.view(pixels.dtype.str.replace("i", "u"))
    if pixels.ndim == 3:
        pixels = _luminance(pixels, layout)
    if pixels.shape != (layout.rows, layout.columns) or pixels.dtype.kind != "u" or pixels.dtype.itemsize > 2:
        raise InputRejected("damaged", "the pixels of the compressed image")
    return pixels


def decode_codestream(data: bytes, header: Header, photometric: str = "") -> NDArray[Any]:
    """The decoded samples: two-dimensional, or with a third axis of colours."""
    try:
        if header.kind == "jpegls":
            return imagecodecs.jpegls_decode(data)
        if header.kind == "jpeg2000":
            # OpenJPEG also reads High-Throughput JPEG 2000; imagecodecs' other decoder hides errors.
            return imagecodecs.jpeg2k_decode(data[header.start :])
        colorspace, outcolorspace = _jpeg_colours(header, photometric)
        return imagecodecs.jpeg8_decode(data, colorspace=colorspace, outcolorspace=outcolorspace)
    except MemoryError:
        raise
    # Each codec has its own exception classes; whatever a codec raises, it could not decode these bytes.
    except Exception as fault:
        raise InputRejected("damaged", f"the {header.kind} codestream cannot be decoded") from fault


def _jpeg_colours(header: Header, photometric: str) -> tuple[str | None, str | None]:
    """The colour spaces for libjpeg: luminance of lossy colour costs nothing, but unlabelled data count as YCbCr."""
    if header.samples != 3:
        return None, None
    if header.lossless:
        return "RGB", "RGB"  # no conversion, whatever the three samples are
    if photometric == "RGB" and not header.colours_named:
        return "RGB", "GRAYSCALE"
    return None, "GRAYSCALE"
