"""Turns stored codes into displayed gray values: bright is dense.

All steps of DICOM's grayscale pipeline (PS3.4 N.2) work on one value at a time. They are computed once for each of
the at most 65,536 codes, and the resulting table is applied to the image in a single pass.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from koa_worker.read.display import exposure, lookup
from koa_worker.read.display.lookup import Numbers
from koa_worker.read.header import elements
from koa_worker.read.layout import Layout

_BLIND = 0.99  # a window that shows this share of the image in one shade is not used


class Voi(Enum):
    """How the displayed range of a gray image is chosen: its lowest value is black, its highest white."""

    NONE = auto()  # none: the whole range of the stored bits is displayed
    TABLE = auto()
    LINEAR = auto()
    OTHER_WINDOW = auto()  # a window with another function
    EXPOSURE = auto()
    ALIKE = auto()  # all pixels have one value


@dataclass(frozen=True, slots=True, eq=False)
class Presentation:
    """How the codes of an image are displayed."""

    table: NDArray[Any] | None  # the displayed value of each code; None where a code is displayed as it is
    details: dict[str, str]  # the window and polarity that were used, for a technical reader
    voi: Voi = Voi.NONE
    is_inverse: bool = False

    def apply(self, codes: NDArray[Any]) -> NDArray[Any]:
        """The displayed image; in place if the decoder allocated the memory for us: new memory costs more time."""
        if self.table is None:
            return codes
        target = codes if codes.flags.writeable and codes.dtype == self.table.dtype else None
        return cv2.LUT(codes, self.table, target)


def present(codes: NDArray[Any], layout: Layout, dataset: Dataset, *, lossy: bool) -> Presentation:
    """How the image is to be displayed."""
    if layout.samples == 3:
        captured = {"window": "none: a colour capture", "polarity": "as captured"}
        return Presentation(_colour(codes, layout), captured)
    if layout.photometric == "PALETTE COLOR":
        gray = lookup.palette_luminance(dataset, _domain(codes))
        return Presentation(gray, {"window": "none: a palette", "polarity": "as captured"})
    stored = _stored_values(codes, layout, lossy=lossy)
    values = _modality(dataset, stored)
    padding = _padding(dataset, stored, layout)
    sampled = exposure.sample(codes)
    sampled = sampled[~padding[sampled]]
    shades, voi, window = _shades(dataset, layout, values, sampled)
    inverse = _is_inverse(dataset, layout, voi)
    details = {"window": window, "polarity": "inverted" if inverse else "as stored"}
    if voi is Voi.NONE and not inverse and not padding.any() and layout.bits_stored == 8 == codes.itemsize * 8:
        return Presentation(None, details)
    shades = 1.0 - shades if inverse else shades
    shades[padding] = 0.0  # not part of the image: shown as background, PS3.3 C.7.5.1.1.2
    if voi is Voi.NONE and codes.dtype == np.uint8:
        return Presentation(np.rint(shades * 255.0).astype(np.uint8), details, voi, inverse)
    return Presentation(np.rint(shades * 65535.0).astype(np.uint16), details, voi, inverse)


def whole_range(
    codes: NDArray[Any], layout: Layout, dataset: Dataset, *, lossy: bool
) -> tuple[Presentation, tuple[float, float]]:
    """How all values of the image are displayed, not only those within its window, and where the window lies.

    The window is given as the shares of the range that become black and white. If there is no window, or one that is
    not linear, the image is displayed as by `present`, and the window is the whole range.
    """
    shown = present(codes, layout, dataset, lossy=lossy)
    bounds = _linear_window(dataset)
    if bounds is None or shown.voi is not Voi.LINEAR:
        return shown, (0.0, 1.0)
    stored = _stored_values(codes, layout, lossy=lossy)
    values, padding = _modality(dataset, stored), _padding(dataset, stored, layout)
    used = (np.bincount(codes.ravel(), minlength=len(values)) > 0) & ~padding
    low, high = (float(pick(values[used], initial=bound)) for pick, bound in zip((np.min, np.max), bounds, strict=True))
    shades = np.clip((values - low) / (high - low), 0.0, 1.0)
    black, white = ((bound - low) / (high - low) for bound in bounds)
    if shown.is_inverse:
        shades, black, white = 1.0 - shades, 1.0 - white, 1.0 - black
    shades[padding] = 0.0
    return replace(shown, table=np.rint(shades * 65535.0).astype(np.uint16)), (black, white)


def _linear_window(dataset: Dataset) -> tuple[float, float] | None:
    """The values that the first usable window makes black and white; None if there is none."""
    centers, widths = elements.numbers(dataset, "WindowCenter"), elements.numbers(dataset, "WindowWidth")
    exact = elements.word(dataset, "VOILUTFunction") == "LINEAR_EXACT"
    for center, width in zip(centers, widths, strict=False):
        if exact and width > 0.0:
            return center - width / 2, center + width / 2
        if width > 1.0:
            return center - 0.5 - (width - 1.0) / 2, center - 0.5 + (width - 1.0) / 2
    return None


def _domain(codes: NDArray[Any]) -> int:
    return 256 if codes.dtype == np.uint8 else 65_536


def _colour(codes: NDArray[Any], layout: Layout) -> NDArray[Any] | None:
    if codes.dtype == np.uint8 or layout.bits_stored == 16:
        return None
    top = 2**layout.bits_stored - 1
    scaled: NDArray[Any] = np.rint(np.minimum(np.arange(65_536), top) * (65535.0 / top)).astype(np.uint16)
    return scaled


def _stored_values(codes: NDArray[Any], layout: Layout, *, lossy: bool) -> Numbers:
    """The stored value of each code: Bits Stored up to High Bit, in two's complement if signed.

    Other bits may hold anything, for example overlays (PS3.5 8.1.1). Lossy decoders may exceed the largest code
    slightly, which must not wrap around to the smallest.
    """
    every = np.arange(_domain(codes), dtype=np.int64)
    span = 1 << layout.bits_stored
    shift = layout.high_bit + 1 - layout.bits_stored
    if lossy and not layout.signed:
        clipped: Numbers = np.minimum(every >> shift, span - 1).astype(float)
        return clipped
    stored: Numbers = ((every >> shift) & (span - 1)).astype(float)
    if layout.signed:
        stored[stored >= span // 2] -= span
    return stored


def _modality(dataset: Dataset, stored: Numbers) -> Numbers:
    """Modality LUT or rescale: PS3.3 C.11.1."""
    for item in elements.items(dataset, "ModalityLUTSequence")[:1]:
        mapped = lookup.apply(item, stored)
        if mapped is not None:
            return mapped
    slope = (elements.numbers(dataset, "RescaleSlope") or (1.0,))[0] or 1.0
    intercept = (elements.numbers(dataset, "RescaleIntercept") or (0.0,))[0]
    return stored * slope + intercept


def _padding(dataset: Dataset, stored: Numbers, layout: Layout) -> NDArray[np.bool_]:
    """The codes of Pixel Padding Value (0028,0120), or between it and its Range Limit."""
    first, last = (elements.whole(dataset, f"PixelPadding{part}") for part in ("Value", "RangeLimit"))
    if first is None:
        return np.zeros(stored.shape, bool)
    low, high = sorted(_as_stored(value, layout) for value in (first, first if last is None else last))
    return (stored >= low) & (stored <= high)


def _as_stored(value: int, layout: Layout) -> int:
    """The bits of this element as a stored value: its sign is often written wrongly."""
    span = 1 << layout.bits_stored
    if layout.signed:
        return value - 65536 if value >= 32768 else value
    return value % span if value < 0 else value


def _shades(dataset: Dataset, layout: Layout, values: Numbers, sampled: NDArray[Any]) -> tuple[Numbers, Voi, str]:
    """The shade, 0 to 1, of each code: by VOI LUT, else by window, else by the range of exposed values."""
    for shades, voi, name in (_voi_table(dataset, values), _voi_window(dataset, values)):
        if shades is not None and _shows_something(shades, sampled, values):
            return shades, voi, name
    if layout.bits_stored <= 8:
        top = float(2**layout.bits_stored - 1)
        return np.clip((values - values.min()) / top, 0.0, 1.0), Voi.NONE, "none"
    if elements.word(dataset, "PixelIntensityRelationship") == "LIN":
        values = np.log1p(values - values.min())  # raw intensity: density goes with its logarithm, PS3.3 C.8.11.3.1.2
    found = exposure.value_range(values[sampled])
    if found is None:
        return np.zeros(values.shape), Voi.ALIKE, "none: all pixels alike"
    low, high = found
    return np.clip((values - low) / (high - low), 0.0, 1.0), Voi.EXPOSURE, "from exposure"


def _shows_something(shades: Numbers, sampled: NDArray[Any], values: Numbers) -> bool:
    """False for a window from another bit depth, which would make the image black or white."""
    if sampled.size == 0 or np.ptp(values[sampled]) == 0:
        return True
    shown = shades[sampled]
    return bool(max((shown <= 0.0).mean(), (shown >= 1.0).mean()) < _BLIND)


def _voi_table(dataset: Dataset, values: Numbers) -> tuple[Numbers | None, Voi, str]:
    """The first VOI LUT; the others are alternatives for the same image (PS3.3 C.11.2.1.1)."""
    for item in elements.items(dataset, "VOILUTSequence")[:1]:
        mapped = lookup.apply(item, values)
        if mapped is not None and mapped.max() > mapped.min():
            return np.clip(mapped / lookup.full_scale(item, mapped), 0.0, 1.0), Voi.TABLE, "VOI LUT"
    return None, Voi.NONE, ""


def _voi_window(dataset: Dataset, values: Numbers) -> tuple[Numbers | None, Voi, str]:
    """The first usable window and its function: PS3.3 C.11.2.1.2 and C.11.2.1.3."""
    centers, widths = elements.numbers(dataset, "WindowCenter"), elements.numbers(dataset, "WindowWidth")
    function = elements.word(dataset, "VOILUTFunction") or "LINEAR"
    for center, width in zip(centers, widths, strict=False):
        if width <= 0.0 or (function not in ("SIGMOID", "LINEAR_EXACT") and width < 1.0):
            continue
        voi = Voi.LINEAR if function in ("LINEAR", "LINEAR_EXACT") else Voi.OTHER_WINDOW
        return _window(values, center, width, function), voi, f"{center:g} ± {width / 2:g} {function.lower()}"
    return None, Voi.NONE, ""


def _window(values: Numbers, center: float, width: float, function: str) -> Numbers:
    if function == "SIGMOID":
        return 1.0 / (1.0 + np.exp(np.clip(-4.0 * (values - center) / width, -700.0, 700.0)))
    if function == "LINEAR_EXACT":
        return np.clip((values - center) / width + 0.5, 0.0, 1.0)
    if width == 1.0:
        return (values > center - 0.5).astype(np.float64)
    return np.clip((values - (center - 0.5)) / (width - 1.0) + 0.5, 0.0, 1.0)


def _is_inverse(dataset: Dataset, layout: Layout, voi: Voi) -> bool:
    """Whether large values are displayed dark.

    Presentation LUT Shape (2050,0020) is the later stage and decides where it is given, as in DX objects it must be;
    it repeats MONOCHROME1, it does not undo it (PS3.3 C.8.11.3). For raw frames without a window, polarity for
    display means little; there Pixel Intensity Relationship Sign (0028,1041) says whether dense is small.
    """
    sign = elements.whole(dataset, "PixelIntensityRelationshipSign")
    if voi is Voi.EXPOSURE and sign in (-1, 1) and _is_raw(dataset):
        return sign == 1
    shape = elements.word(dataset, "PresentationLUTShape")
    return shape == "INVERSE" if shape in ("INVERSE", "IDENTITY") else layout.photometric == "MONOCHROME1"


def _is_raw(dataset: Dataset) -> bool:
    return elements.word(dataset, "PresentationIntentType") == "FOR PROCESSING"
