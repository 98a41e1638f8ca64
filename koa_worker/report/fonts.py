"""The fonts that are shipped with the program; each is loaded once per process, when a character first needs it."""

from __future__ import annotations

from functools import cache, lru_cache
from importlib import resources
from typing import Any

from reportlab.pdfbase import pdfmetrics

from koa_worker.report.reportlab_parts import SearchableFont

REGULAR = "NotoSans-Regular"
BOLD = "NotoSans-Bold"
# The fonts in the order in which they are tried. The large one is last, so that few reports have to load it.
OTHERS = (
    "NotoSansArabic-Regular",
    "NotoSansHebrew-Regular",
    "NotoSansThai-Regular",
    "NotoSansArmenian-Regular",
    "NotoSansGeorgian-Regular",
    "DroidSansFallback",
)
UNPRINTABLE = "\ufffd"
# Each report's subset of the two main fonts contains ASCII and these characters of the report's own words and of names.
# Most reports then embed the same subset, which is made once.
_EVERYDAY = "·–×…≥°“”ÄÖÜäöüßÅåØøÆæÉéèáóç"
_ALWAYS_THERE = frozenset((*map(chr, range(32, 127)), *_EVERYDAY))


def ready() -> str:
    """Loads the font that a page begins with, and gives its name."""
    _load(REGULAR)
    return REGULAR


def begin(document: Any) -> None:
    """Gives the everyday characters their codes in a new report, before all other characters."""
    for name in (REGULAR, BOLD):
        _load(name).begin(_EVERYDAY, document)


def shown(text: str, name: str, document: Any) -> tuple[tuple[str, str], ...]:
    """Gives for each piece of a text the name of its font subset in the report, and its escaped codes there."""
    font = _load(name)
    parts = _everyday_parts(text, name) if _ALWAYS_THERE.issuperset(text) else font.parts(text, document)
    return tuple((font.name_of(subset, document), codes) for subset, codes in parts)


@lru_cache(maxsize=2048)
def _everyday_parts(text: str, name: str) -> tuple[tuple[int, str], ...]:
    """The parts of a text whose characters have the same codes in every report."""
    document = _Nothing()
    if name in (REGULAR, BOLD):
        _load(name).begin(_EVERYDAY, document)
    return _load(name).parts(text, document)


class _Nothing:
    """Takes the place of a PDF document where only the codes are needed."""


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
