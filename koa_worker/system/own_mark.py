"""The mark of images that this program made: a text in the metadata, and a strip of bars in the pixels.

The text is lost when another program saves the image, but the bars remain. They run along a whole edge, so that they
are found at any size, in any grays, mirrored or turned, and with plain margins around the image.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

WORDS = b"koa-worker result. Research use only. Not to be graded."
_SAID = WORDS[:17]  # the text that is searched; a later version may add to it

_PNG, _JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8"
_MOST_PIECES = 1000  # number of chunks or segments that are read
_START_OF_SCAN, _COMMENT, _FIRST_APPLICATION, _LAST_APPLICATION = 0xDA, 0xFE, 0xE0, 0xEF

_PATTERN = 0xDA3C96E17B2D48F1  # an arbitrary irregular pattern
# Bright at both ends, so that the strip's width is the image's width if plain margins were added around it.
BARS = tuple(bar == "1" for bar in f"{_PATTERN:b}")
_BARS = np.array(BARS)
_DARK, _BRIGHT = 0, 110
_SHARE, _LEAST_ROWS = 0.008, 2  # of the image's height
_LEAST_CONTRAST = 0.03  # share of all grays that the image could have
_MOST_WRONG = 2
_LOOKS = 8  # rows that are searched along an edge
_MARGIN_CONTRAST = 0.02
_QUALITY = 92  # of a JPEG that is encoded again


def stamp(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The same image, gray or in colour, with bars in its last rows."""
    height, width = picture.shape[:2]
    marked = picture.copy()
    bars = np.where(_BARS[np.arange(width) * len(_BARS) // max(width, 1)], _BRIGHT, _DARK).astype(np.uint8)
    rows = max(_LEAST_ROWS, round(height * _SHARE))
    marked[-rows:] = bars if picture.ndim == 2 else bars[:, None]
    return marked


def is_stamped(picture: NDArray[Any]) -> bool:
    """Whether bars run along an edge of a gray image, or of its part within plain margins."""
    if min(picture.shape) < len(_BARS):
        return False
    return _has_bars(picture) or _has_bars(_without_margins(picture))


def marked(encoded: bytes) -> bytes:
    """A PNG or JPEG with our bars and our text in it."""
    picture = np.asarray(cv2.imdecode(np.frombuffer(encoded, np.uint8), cv2.IMREAD_UNCHANGED), np.uint8)
    png = encoded.startswith(_PNG)
    options = [] if png else [cv2.IMWRITE_JPEG_QUALITY, _QUALITY]
    return write_words(cv2.imencode(".png" if png else ".jpg", stamp(picture), options)[1].tobytes())


def write_words(encoded: bytes) -> bytes:
    """A PNG or JPEG with our text in it."""
    if encoded.startswith(_PNG):
        chunk = b"tEXtComment\0" + WORDS
        head = len(_PNG) + 25  # behind the header chunk, where any other may come
        text = struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk))
        return encoded[:head] + text + encoded[head:]
    head = 2
    for marker, start, end in _segments(encoded):
        if not _FIRST_APPLICATION <= marker <= _LAST_APPLICATION:
            break
        head = max(end, start)
    return encoded[:head] + struct.pack(">BBH", 0xFF, _COMMENT, len(WORDS) + 2) + WORDS + encoded[head:]


def has_words(encoded: bytes) -> bool:
    """Whether our text is in a PNG or JPEG; nothing is inflated or decoded."""
    if encoded.startswith(_PNG):
        return any(
            kind in (b"tEXt", b"iTXt") and _SAID in encoded[start : min(end, start + 4096)]
            for kind, start, end in _chunks(encoded)
        )
    return any(marker == _COMMENT and _SAID in encoded[start:end] for marker, start, end in _segments(encoded))


def _chunks(encoded: bytes) -> Iterator[tuple[bytes, int, int]]:
    position = len(_PNG)
    for _ in range(_MOST_PIECES):
        if position + 8 > len(encoded):
            return
        length, kind = struct.unpack_from(">I4s", encoded, position)
        yield kind, position + 8, position + 8 + length
        position += 12 + length


def _segments(encoded: bytes) -> Iterator[tuple[int, int, int]]:
    """The marker, start and end of each segment of a JPEG before its pixels."""
    position = len(_JPEG)
    for _ in range(_MOST_PIECES):
        if not encoded.startswith(_JPEG) or position + 4 > len(encoded):
            return
        lead, marker, length = struct.unpack_from(">BBH", encoded, position)
        if lead != 0xFF or marker == _START_OF_SCAN:
            return
        yield marker, position + 4, position + 2 + length
        position += 2 + max(length, 2)


def _has_bars(picture: NDArray[Any]) -> bool:
    whole = np.iinfo(picture.dtype).max
    for quarters in range(4):
        edge = np.rot90(picture, quarters)
        height, width = edge.shape
        if width < len(_BARS):
            continue
        steps = np.linspace(0.0, _SHARE, _LOOKS)
        rows = height - 1 - np.round(steps * height).astype(int).clip(0, height - 1)
        rows = rows[np.diff(rows, prepend=height) != 0]  # each once; np.unique would load NumPy's masked arrays
        if _is_any_barred(edge[rows].astype(np.float64) / whole):
            return True
    return False


def _is_any_barred(lines: NDArray[np.float64]) -> bool:
    """Whether a line has the bars, each tested at its middle half; the line may be inverted or mirrored."""
    count, width = len(_BARS), lines.shape[1]
    starts = np.floor((np.arange(count) + 0.25) * width / count).astype(int)
    ends = np.maximum(np.ceil((np.arange(count) + 0.75) * width / count).astype(int), starts + 1)
    sums = np.zeros((len(lines), width + 1))
    np.cumsum(lines, axis=1, out=sums[:, 1:])
    means = (sums[:, ends] - sums[:, starts]) / (ends - starts)
    low, high = means.min(axis=1), means.max(axis=1)
    seen = (means > ((low + high) / 2)[:, None])[high - low >= _LEAST_CONTRAST]
    wrong = np.array([np.count_nonzero(seen != bars, axis=1) for bars in (_BARS, _BARS[::-1])])
    return bool((np.minimum(wrong, count - wrong) <= _MOST_WRONG).any())


def _without_margins(picture: NDArray[Any]) -> NDArray[Any]:
    """The image without the rows and columns at its edges that have only the corner's gray."""
    ground = int(picture[-1, -1])
    unlike = np.iinfo(picture.dtype).max * _MARGIN_CONTRAST
    most, least = ground + unlike, ground - unlike
    edges = (picture[0], picture[-1], picture[:, 0], picture[:, -1])
    if all(edge.max() > most or edge.min() < least for edge in edges):
        return picture
    rows, columns = (
        np.flatnonzero((picture.max(axis=axis) > most) | (picture.min(axis=axis) < least)) for axis in (1, 0)
    )
    if not len(rows) or not len(columns):
        return picture
    return picture[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
