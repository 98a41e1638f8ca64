"""Encodes pixel data in each transfer syntax that PACS use."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import imagecodecs
import numpy as np
from numpy.typing import NDArray
from pydicom import uid
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.uid import UID

Pixels = NDArray[np.uint8] | NDArray[np.uint16]
Encoder = Callable[[Pixels, int], bytes]


@dataclass(frozen=True, slots=True)
class Syntax:
    """A transfer syntax: how its pixels are coded, and the bit depths that its encoder here can write."""

    uid: UID
    encode: Encoder | None = None  # None: not encapsulated, or RLE, which pydicom codes itself
    bits: tuple[int, ...] = tuple(range(8, 17))
    usual_bits: int = 12
    lossy: str = ""  # Lossy Image Compression Method (PS3.3 C.7.6.1.1.5.1)


def _lossless(predictor: int) -> Encoder:
    return lambda pixels, bits: bytes(
        imagecodecs.jpeg8_encode(pixels, lossless=True, predictor=predictor, bitspersample=bits)
    )


def _jpeg(pixels: Pixels, bits: int) -> bytes:
    return bytes(imagecodecs.jpeg8_encode(pixels, level=92, bitspersample=bits))


def _jpeg_ls(level: int) -> Encoder:
    return lambda pixels, _bits: bytes(imagecodecs.jpegls_encode(pixels, level=level))


def _jpeg_2000(level: int, *, reversible: bool) -> Encoder:
    return lambda pixels, bits: bytes(
        imagecodecs.jpeg2k_encode(pixels, level=level, codecformat="j2k", reversible=reversible, bitspersample=bits)
    )


SYNTAXES = {
    "implicit": Syntax(uid.ImplicitVRLittleEndian),
    "explicit": Syntax(uid.ExplicitVRLittleEndian),
    "big-endian": Syntax(uid.ExplicitVRBigEndian),
    "deflated": Syntax(uid.DeflatedExplicitVRLittleEndian),
    "rle": Syntax(uid.RLELossless),
    "jpeg-baseline": Syntax(uid.JPEGBaseline8Bit, _jpeg, (8,), 8, "ISO_10918_1"),
    "jpeg-extended": Syntax(uid.JPEGExtended12Bit, _jpeg, (12,), 12, "ISO_10918_1"),
    "jpeg-lossless": Syntax(uid.JPEGLosslessSV1, _lossless(1)),
    "jpeg-lossless-57": Syntax(uid.JPEGLossless, _lossless(6)),
    # The encoder marks every image of more than 8 bits as one of 16 bits, so the object must say the same.
    "jpeg-ls": Syntax(uid.JPEGLSLossless, _jpeg_ls(0), (8, 16), 16),
    "jpeg-ls-near": Syntax(uid.JPEGLSNearLossless, _jpeg_ls(3), (8, 16), 16, "ISO_14495_1"),
    "jpeg-2000": Syntax(uid.JPEG2000Lossless, _jpeg_2000(0, reversible=True)),
    "jpeg-2000-lossy": Syntax(uid.JPEG2000, _jpeg_2000(60, reversible=False), lossy="ISO_15444_1"),
}


def put_pixels(dataset: Dataset, pixels: Pixels, syntax: Syntax, bits: int) -> None:
    """Set Pixel Data in the syntax; everything that describes the pixels must be there already."""
    if syntax.encode is not None:
        data = encapsulate([syntax.encode(pixels, bits)])
        dataset.add_new("PixelData", "OB", data)
        dataset["PixelData"].is_undefined_length = True
        if syntax.lossy:
            dataset.LossyImageCompression = "01"
            dataset.LossyImageCompressionRatio = round(pixels.nbytes / len(data), 2)
            dataset.LossyImageCompressionMethod = syntax.lossy
        return
    swap = syntax.uid == uid.ExplicitVRBigEndian
    raw = pixels.astype(pixels.dtype.newbyteorder(">")) if swap else pixels
    data = raw.tobytes()
    dataset.add_new("PixelData", "OW" if bits > 8 else "OB", data + b"\0" * (len(data) % 2))
    if syntax.uid == uid.RLELossless:
        dataset.compress(uid.RLELossless, generate_instance_uid=False)
