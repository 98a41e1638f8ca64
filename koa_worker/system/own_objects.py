"""Recognises DICOM objects that this program made, in any installation.

Only the attributes about the maker count. "Derived" as the image type is no sign, since many detectors use it for their
own images.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pydicom.dataset import Dataset

MANUFACTURER = "koa-worker"
SYNTHETIC_MODEL = "synthetic"  # of the demo's radiographs, which are there to be graded
# Our own UID, under the root that needs no registration (PS3.5 B.2); it is in the file meta of each object we write.
IMPLEMENTATION_UID = "2.25.188189329175065844053451331793931391338"

# The elements that `is_own` reads, for callers that parse only certain elements.
LOOKED_AT = ("ImplementationClassUID", "Manufacturer", "ManufacturerModelName", "ContributingEquipmentSequence")


def is_own(dataset: Dataset) -> bool:
    """Whether this is our result: by its maker, by one of those who contributed to it, or by the writer of the file."""
    if _is_ours(dataset) and _word(dataset, "ManufacturerModelName").casefold() != SYNTHETIC_MODEL:
        return True
    if any(_is_ours(maker) for maker in _items(dataset, "ContributingEquipmentSequence")):
        return True
    return _word(dataset, "ImplementationClassUID") == IMPLEMENTATION_UID


def _is_ours(maker: Dataset) -> bool:
    return _word(maker, "Manufacturer").casefold() == MANUFACTURER


def _items(dataset: Dataset, keyword: str) -> tuple[Dataset, ...]:
    found = _value(dataset, keyword)
    if not isinstance(found, Iterable) or isinstance(found, str | bytes):
        return ()
    return tuple(item for item in found if isinstance(item, Dataset))


def _word(dataset: Dataset, keyword: str) -> str:
    found = _value(dataset, keyword)
    return found.strip(" \0") if isinstance(found, str) else ""


def _value(dataset: Dataset, keyword: str) -> Any:
    try:
        return dataset.get(keyword)
    # pydicom converts an element at the first access, and a hostile value can make that raise anything.
    except Exception:  # noqa: BLE001
        return None
