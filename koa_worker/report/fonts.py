"""The fonts that travel with the program: loaded when a character first needs them, once per process."""

from __future__ import annotations

import re
import unicodedata
import zlib
from functools import cache, lru_cache
from importlib import resources
from typing import Any

from reportlab.lib.rl_accel import escapePDF
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.pdfdoc import PDFArray, PDFObject
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas

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


class _SearchableFont(TTFont):  # type: ignore[misc]
    """Joined Arabic letters are drawn with presentation forms, but copied and searched as the letters they are.

    Whatever was made for one report and is the same in the next one is remembered.
    """

    def __init__(self, name: str, path: str) -> None:
        super().__init__(name, path)
        make = lru_cache(maxsize=16)(self.face.makeSubset)
        self.face.makeSubset = lambda codes: make(tuple(codes))

    def addObjects(self, doc: Any) -> None:  # noqa: N802
        super().addObjects(doc)
        name = self.face.name.decode()
        for key, made in doc.idToObject.items():
            if key.startswith("toUnicodeCMap:") and key.endswith(f"+{name}"):
                made.content = _PRESENTATION_FORM.sub(_as_letters, made.content)
                made.filters = [_Compressed]
            elif key.startswith("fontFile:") and key.endswith(f"+{name})"):
                made.filters = [_Compressed]
        for font in doc.idToObject["BasicFonts"].dict.values():
            if getattr(font, "BaseFont", "").endswith(f"+{name}"):
                font.Widths = _Written(_write(tuple(font.Widths.sequence)))


class _Compressed:
    """The filter of a stream that may come again."""

    pdfname = "FlateDecode"

    @staticmethod
    @lru_cache(maxsize=64)
    def encode(content: str | bytes) -> bytes:
        return zlib.compress(content.encode() if isinstance(content, str) else content)


class _Written(PDFObject):  # type: ignore[misc]
    """A part of the file as it stands in it."""

    def __init__(self, content: bytes) -> None:
        self.content = content

    def format(self, _document: object) -> bytes:
        return self.content


@lru_cache(maxsize=64)
def _write(widths: tuple[float, ...]) -> bytes:
    return bytes(PDFArray(widths).format(None))


# A value of the character map that lies in Arabic Presentation Forms A or B; keys have two digits.
_PRESENTATION_FORM = re.compile(r"<(F[B-E][0-9A-F]{2})>")


def _as_letters(form: re.Match[str]) -> str:
    """The letter of a form. The joined lam-alef stays: readers turn right-to-left words letter by letter,

    and would turn the two letters of one sign as well; all of them know what the sign stands for.
    """
    letters = unicodedata.normalize("NFKC", chr(int(form[1], 16)))
    return f"<{ord(letters):04X}>" if len(letters) == 1 else form[0]


def ready() -> str:
    """Makes sure of the font that a page begins with, and names it."""
    _load(REGULAR)
    return REGULAR


def document_of(canvas: Canvas) -> Any:
    """The report beneath the canvas, which the library keeps to itself."""
    return canvas._doc  # noqa: SLF001


def begin(document: Any) -> None:
    """Gives the everyday characters their codes in a new report, before any other gets one."""
    for name in (REGULAR, BOLD):
        _load(name).splitString(_EVERYDAY, document)


def shown(text: str, name: str, document: Any) -> tuple[tuple[str, str], ...]:
    """For each piece of a text the name of its part of the font in the report, and its codes as they stand there."""
    font = _load(name)
    parts = _everyday_parts(text, name) if _ALWAYS_THERE.issuperset(text) else _parts(text, name, document)
    return tuple((font.getSubsetInternalName(subset, document), codes) for subset, codes in parts)


def _parts(text: str, name: str, document: Any) -> tuple[tuple[int, str], ...]:
    return tuple((subset, escapePDF(codes)) for subset, codes in _load(name).splitString(text, document))


@lru_cache(maxsize=2048)
def _everyday_parts(text: str, name: str) -> tuple[tuple[int, str], ...]:
    """Of a text whose characters have the same codes in every report."""
    document = _Nothing()
    if name in (REGULAR, BOLD):
        _load(name).splitString(_EVERYDAY, document)
    return _parts(text, name, document)


class _Nothing:
    """Stands for a report that is never written."""


@cache
def _load(name: str) -> Any:
    with resources.as_file(resources.files(__package__) / "fonts" / f"{name}.ttf") as path:
        font = _SearchableFont(name, str(path))
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
