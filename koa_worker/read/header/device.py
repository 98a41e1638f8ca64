"""Which device made an image, and how much dose reached the detector: for `koa-worker drift`."""

from __future__ import annotations

import math

from pydicom.dataset import Dataset

from koa_worker.read.header import elements


def details(dataset: Dataset) -> dict[str, str]:
    """Maker, model and exposure, as far as the header has them.

    `exposure` is the deviation index or else ten times the logarithm of the exposure index: both rise by 3 when the
    dose doubles (IEC 62494-1). The index of older devices has other units, so that a device is compared with itself.
    """
    said = {
        "manufacturer": elements.text(dataset, "Manufacturer"),
        "model": elements.text(dataset, "ManufacturerModelName"),
    }
    found = {name: words for name, words in said.items() if words}
    if (exposure := _exposure(dataset)) is not None:
        found["exposure"] = f"{exposure:.3f}"
    return found


def _exposure(dataset: Dataset) -> float | None:
    if deviation := elements.numbers(dataset, "DeviationIndex"):
        return deviation[0]
    index = elements.numbers(dataset, "ExposureIndex")
    return 10 * math.log10(index[0]) if index and index[0] > 0 else None
