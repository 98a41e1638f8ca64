"""Applies the lookup tables of a header (modality LUT, VOI LUT, palette) to whole ranges of codes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.pixels.processing import apply_color_lut

from koa_worker.errors import InputRejected
from koa_worker.read.header import elements

Numbers = NDArray[np.float64]


def apply(item: Dataset, values: Numbers) -> Numbers | None:
    """`values` through the table of a LUT sequence's item, as numbers; None if the item holds no usable table.

    PS3.3 C.11.1.1.1: values below the first mapped value take the first entry, values above the last take the last.
    The descriptor's second value has the sign of the input; its first value writes 65536 as 0.
    """
    descriptor = elements.numbers(item, "LUTDescriptor")
    if len(descriptor) != 3:
        return None
    entries = int(descriptor[0]) % 65536 or 65536
    first = descriptor[1]
    if first >= 32768 and values.min() < 0:  # written as unsigned though it maps signed values
        first -= 65536
    table = _table(item, entries)
    if table is None:
        return None
    index = np.clip(np.rint(values) - first, 0, len(table) - 1).astype(np.intp)
    return table[index].astype(np.float64)


def full_scale(item: Dataset, result: Numbers) -> float:
    """The table entry that means white. Descriptors often name more bits than the table uses."""
    bits = int(elements.numbers(item, "LUTDescriptor")[2])
    declared = float(2 ** min(max(bits, 8), 16) - 1)
    largest = float(result.max())
    return largest if largest > declared or 0 < largest < declared / 2 else declared


def palette_luminance(dataset: Dataset, count: int) -> NDArray[np.uint16]:
    """The gray value, in 16 bits, of each of the first `count` palette indices: PS3.3 C.7.9."""
    try:
        colours = apply_color_lut(np.arange(count, dtype=np.uint16), dataset)
    # Hostile palettes fail in many ways inside pydicom; a file with such a palette is rejected.
    except Exception as fault:
        raise InputRejected("damaged", "the colour palette") from fault
    weights = np.array([0.299, 0.587, 0.114])
    scale = 257.0 if colours.dtype.itemsize == 1 else 1.0
    gray: NDArray[np.uint16] = np.rint(colours[..., :3] @ weights * scale).astype(np.uint16)
    return gray


def _table(item: Dataset, entries: int) -> NDArray[Any] | None:
    """LUT Data (0028,3006), which is US or OW, with 16 bits per entry or, in older files, packed 8 bits."""
    raw = elements.value(item, "LUTData")
    if isinstance(raw, bytes):
        if len(raw) >= 2 * entries:
            order = "<" if item.original_encoding[1] in (True, None) else ">"
            return np.frombuffer(raw, f"{order}u2", entries)
        return np.frombuffer(raw, np.uint8)[:entries] if entries <= len(raw) else None
    found = elements.numbers(item, "LUTData")
    if not found:
        return None
    return np.asarray(found[:entries]) % 65536
