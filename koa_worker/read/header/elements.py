"""Reads single header elements tolerantly: an element that cannot be read counts as absent."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterable
from functools import cache
from typing import Any

from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.tag import BaseTag, Tag

LONGEST_TEXT = 256

# Invisible characters that can make one name look like another: marks, embeddings, overrides and isolates of direction,
# spaces without width, invisible operators, and tag characters. Joiners stay: Persian and Indian names need them.
_UNSEEN = re.compile(
    "[\u00ad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"
)

# ISO 2022 escape sequences that pydicom does not remove: those of GB 2312, which Python's codec does not remove either.
_ESCAPE = re.compile(r"\x1b[$()*+,\-./]{1,2}[0-9A-Z]")


def value(dataset: Dataset, keyword: str) -> Any | None:
    """The element's value; None if it is absent, empty or not readable."""
    try:
        tag = _tag_of(keyword)
        if tag not in dataset:  # most are absent, and pydicom raises an exception for each absent one
            return None
        found = dataset[tag].value
    # pydicom converts an element at the first access, and a hostile value can make that raise anything.
    except Exception:  # noqa: BLE001
        return None
    return None if found is None or found == "" else found


@cache
def _tag_of(keyword: str) -> BaseTag:
    return Tag(keyword)


def values(dataset: Dataset, keyword: str) -> tuple[Any, ...]:
    found = value(dataset, keyword)
    if found is None:
        return ()
    return tuple(found) if isinstance(found, MultiValue | list | tuple) else (found,)


def text(dataset: Dataset, keyword: str) -> str:
    """The first value as clean text; bytes of a wrong value representation count as absent."""
    found = values(dataset, keyword)
    return clean(str(found[0])) if found and not isinstance(found[0], bytes) else ""


def word(dataset: Dataset, keyword: str) -> str:
    """A code string in upper case, as PS3.5 6.2 requires."""
    return text(dataset, keyword).upper()


def numbers(dataset: Dataset, keyword: str) -> tuple[float, ...]:
    """All values as finite numbers; empty if one of them is not a finite number."""
    try:
        found = tuple(float(item) for item in values(dataset, keyword))
    except (TypeError, ValueError, OverflowError):
        return ()
    return found if all(map(math.isfinite, found)) else ()


def whole(dataset: Dataset, keyword: str) -> int | None:
    found = numbers(dataset, keyword)
    return int(found[0]) if found else None


def items(dataset: Dataset, keyword: str) -> tuple[Dataset, ...]:
    """The items of a sequence."""
    found = value(dataset, keyword)
    if not isinstance(found, Iterable) or isinstance(found, str | bytes):
        return ()
    return tuple(item for item in found if isinstance(item, Dataset))


def clean(raw: str) -> str:
    """The text without control characters and repeated blanks, cut to `LONGEST_TEXT`, safe for page and database."""
    kept = "".join(
        " " if unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp") else char
        for char in _UNSEEN.sub("", _ESCAPE.sub("", raw))
    )
    return " ".join(kept.split())[:LONGEST_TEXT]
