"""The fonts that travel with the program: loaded when a character first needs them, once per process."""

from __future__ import annotations

from functools import lru_cache
from importlib import resources
from typing import Any

from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont

REGULAR = "NotoSans-Regular"
BOLD = "NotoSans-Bold"
# In the order in which they are asked; the large one is last, so that few reports pay for loading it.
OTHERS = (
    "NotoSansArabic-Regular",
    "NotoSansHebrew-Regular",
    "NotoSansThai-Regular",
    "NotoSansArmenian-Regular",
    "NotoSansGeorgian-Regular",
    "DroidSansFallback",
)
UNPRINTABLE = "\ufffd"


@lru_cache(maxsize=None)
def _load(name: str) -> Any:
    with resources.as_file(resources.files(__package__) / "fonts" / f"{name}.ttf") as path:
        font = TTFont(name, str(path))
    pdfmetrics.registerFont(font)
    return font


@lru_cache(maxsize=16384)
def font_of(character: str, *, bold: bool) -> str:
    """The font that has the character; "" if none does."""
    for name in (BOLD if bold else REGULAR, *OTHERS):
        if ord(character) in _load(name).face.charToGlyph:
            return name
    return ""


def width(text: str, font: str, size: float) -> float:
    return float(_load(font).stringWidth(text, size))
