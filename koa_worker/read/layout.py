"""The pixel layout of a DICOM image, checked before anything is decoded."""

from __future__ import annotations

from dataclasses import dataclass

from pydicom.dataset import Dataset

from koa_worker.errors import InputRejected
from koa_worker.read.header import elements

_GRAY = ("MONOCHROME1", "MONOCHROME2")
_COLOUR = ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_PARTIAL_422", "YBR_ICT", "YBR_RCT")
_PALETTE = "PALETTE COLOR"
_BYTES_PER_PIXEL = 4  # [limits] max_megapixels is for gray images; colour may use up to this memory per pixel


@dataclass(frozen=True, slots=True)
class Layout:
    """The image pixel module: PS3.3 C.7.6.3."""

    rows: int
    columns: int
    samples: int
    bits_allocated: int
    bits_stored: int
    high_bit: int
    signed: bool
    photometric: str
    planar: bool

    @property
    def bytes_per_sample(self) -> int:
        return self.bits_allocated // 8

    @property
    def frame_bytes(self) -> int:
        """The size of one native frame."""
        if self.photometric in ("YBR_FULL_422", "YBR_PARTIAL_422"):
            return self.rows * self.columns * 2  # two pixels share one colour: C.7.6.3.1.2
        return self.rows * self.columns * self.samples * self.bytes_per_sample


def check_size(rows: int, columns: int, bytes_per_pixel: int, max_megapixels: int) -> None:
    """Rejects an image that is too large according to its header, before memory is allocated for it."""
    limit = max_megapixels * 1_000_000
    if rows * columns > limit or rows * columns * bytes_per_pixel > limit * _BYTES_PER_PIXEL:
        raise InputRejected("too_large", f"{columns} by {rows} pixels")


def layout_of(dataset: Dataset, max_megapixels: int) -> Layout:
    rows, columns = elements.whole(dataset, "Rows"), elements.whole(dataset, "Columns")
    if not rows or not columns or rows < 0 or columns < 0:
        raise InputRejected("damaged", "the header does not give the size of the image")
    samples = elements.whole(dataset, "SamplesPerPixel") or 1
    allocated = elements.whole(dataset, "BitsAllocated") or 16
    stored = elements.whole(dataset, "BitsStored") or allocated
    high_bit = elements.whole(dataset, "HighBit")
    photometric = elements.word(dataset, "PhotometricInterpretation") or ("RGB" if samples == 3 else "MONOCHROME2")
    if samples not in (1, 3) or allocated not in (8, 16):
        raise InputRejected("unsupported_pixels", f"{samples} samples of {allocated} bits")
    _check_photometric(photometric, samples)
    high_bit = stored - 1 if high_bit is None else high_bit
    if not 1 <= stored <= high_bit + 1 <= allocated:
        raise InputRejected("damaged", f"{stored} bits below bit {high_bit} of {allocated}")
    check_size(rows, columns, samples * allocated // 8, max_megapixels)
    return Layout(
        rows=rows,
        columns=columns,
        samples=samples,
        bits_allocated=allocated,
        bits_stored=stored,
        high_bit=high_bit,
        signed=elements.whole(dataset, "PixelRepresentation") == 1,
        photometric=photometric,
        planar=elements.whole(dataset, "PlanarConfiguration") == 1,
    )


def _check_photometric(photometric: str, samples: int) -> None:
    known = _COLOUR if samples == 3 else (*_GRAY, _PALETTE)
    if photometric not in known:
        raise InputRejected("unsupported_pixels", f"{samples} samples of an unsupported colour space")
