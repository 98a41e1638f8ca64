"""The fonts that travel with the program: loaded when a character first needs them, once per process."""

from __future__ import annotations

from functools import cache, lru_cache
from importlib import resources
from typing import Any

from reportlab.pdfbase import pdfmetrics

from koa_worker.report.reportlab_parts import SearchableFont

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
# Beside ASCII every report's subset of the two main fonts has these: what the report itself says, and letters of names.
# Most reports then embed the very same subset, which is made once.
_EVERYDAY = "·–×…≥°“”ÄÖÜäöüßÅåØøÆæÉéèáóç"
_ALWAYS_THERE = frozenset((*map(chr, range(32, 127)), *_EVERYDAY))


def ready() -> str:
    """Makes sure of the font that a page begins with, and names it."""
    _load(REGULAR)
    return REGULAR


def begin(document: Any) -> None:
    """Gives the everyday characters their codes in a new report, before any other gets one."""
    for name in (REGULAR, BOLD):
        _load(name).assign(_EVERYDAY, document)


def shown(text: str, name: str, document: Any) -> tuple[tuple[str, str], ...]:
    """For each piece of a text the name of its part of the font in the report, and its codes as they stand there."""
    font = _load(name)
    parts = _everyday_parts(text, name) if _ALWAYS_THERE.issuperset(text) else font.parts(text, document)
    return tuple((font.name_of(subset, document), codes) for subset, codes in parts)


@lru_cache(maxsize=2048)
def _everyday_parts(text: str, name: str) -> tuple[tuple[int, str], ...]:
    """Of a text whose characters have the same codes in every report."""
    document = _Nothing()
    if name in (REGULAR, BOLD):
        _load(name).assign(_EVERYDAY, document)
    return _load(name).parts(text, document)


class _Nothing:
    """Stands for a report that is never written."""


@cache
def _load(name: str) -> SearchableFont:
    with resources.as_file(resources.files(__package__) / "fonts" / f"{name}.ttf") as path:
        font = SearchableFont(name, path)
    pdfmetrics.registerFont(font)
    return font


@lru_cache(maxsize=16384)
def font_of(character: str, *, bold: bool) -> str:
    """The font that has the character; "" if none does."""
    for name in (BOLD if bold else REGULAR, *OTHERS):
        if _load(name).has(character):
            return name
    return ""


def width(text: str, font: str, size: float) -> float:
    return float(_load(font).stringWidth(text, size))
