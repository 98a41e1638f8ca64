"""Identifies a DICOM image independently of its encoding: digests of its pixels, of their display, and of its header.

Transfer syntax, file meta group and private elements change none of them. The same pixels may be stored in eight bits
or in sixteen, with any bits beside the stored ones.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from koa_worker.read.header import elements
from koa_worker.read.layout import Layout
from koa_worker.system.header_elements import LATER, PATIENT, REQUEST, STUDY
from koa_worker.values import Radiograph

# The elements that results copy, and the one that says whether a name may be burnt into the image.
_COPIED = (*PATIENT, *STUDY, "BurnedInAnnotation")
_DEEPEST = 12


def of_pixels(codes: NDArray[Any], layout: Layout) -> str:
    """The digest of the stored values alone: the unused bits may hold anything (PS3.5 8.1.1)."""
    values, most = codes, int(codes.max())
    shift = layout.high_bit + 1 - layout.bits_stored
    if layout.samples == 1 and (shift or most >> layout.bits_stored):
        values = (codes >> shift) & ((1 << layout.bits_stored) - 1)
        most = int(values.max())
    digest = hashlib.sha256(f"{values.shape} {layout.signed}\0".encode())
    digest.update(np.ascontiguousarray(values, np.uint8 if most < 256 else "<u2").data)
    return digest.hexdigest()


def of_display(pixels: str, table: NDArray[Any] | None, layout: Layout) -> str:
    """The digest of the pixels' digest and of the displayed value of each code that they can have."""
    seen = hashlib.sha256(pixels.encode())
    if table is not None:
        seen.update(np.ascontiguousarray(table[: 1 << (layout.high_bit + 1)]).data)
    return seen.hexdigest()


def of_header(dataset: Dataset, radiograph: Radiograph) -> str:
    """The digest of everything that is used from a header: the values that are read, and those that results copy."""
    study, patient, spacing = radiograph.study, radiograph.patient, radiograph.spacing
    read = [asdict(study), asdict(patient), asdict(spacing) if spacing else None]
    sides = [radiograph.laterality, radiograph.column_zero_side]
    copied = {keyword: _said(dataset, keyword) for keyword in _COPIED}
    copied |= {keyword: said for keyword in (*LATER, REQUEST) if (said := _said(dataset, keyword))}
    return hashlib.sha256(json.dumps([read, sides, copied], default=str).encode()).hexdigest()


def _said(dataset: Dataset, keyword: str, depth: int = 0) -> Any:
    """The values of an element as text, whatever their encoding; of a sequence, its items."""
    found = elements.value(dataset, keyword)
    if isinstance(found, Sequence):
        items = found if depth < _DEEPEST else ()
        return [{name: _said(item, name, depth + 1) for name in sorted(item.dir())} for item in items]
    said = elements.values(dataset, keyword)
    return [one.hex() if isinstance(one, bytes) else elements.clean(str(one)) for one in said]
