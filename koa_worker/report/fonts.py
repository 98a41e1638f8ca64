"""The fonts that are shipped with the program; each is loaded once per process, when a character first needs it."""

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


class _SearchableFont(TTFont):  # type: ignore[misc]
    """Joined Arabic letters are drawn with presentation forms, but copied and searched as the letters they are.

    Parts that are the same in every report are made once and cached.
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
    """The filter of a stream that other reports may contain too; the compressed bytes are cached."""

    pdfname = "FlateDecode"

    @staticmethod
    @lru_cache(maxsize=64)
    def encode(content: str | bytes) -> bytes:
        return zlib.compress(content.encode() if isinstance(content, str) else content)


class _Written(PDFObject):  # type: ignore[misc]
    """A part of the file whose bytes are ready to be written."""

    def __init__(self, content: bytes) -> None:
        self.content = content

    def format(self, _document: object) -> bytes:
        return self.content


@lru_cache(maxsize=64)
def _write(widths: tuple[float, ...]) -> bytes:
    return bytes(PDFArray(widths).format(None))


# A value in the character map from Arabic Presentation Forms A or B; keys have two digits.
_PRESENTATION_FORM = re.compile(r"<(F[B-E][0-9A-F]{2})>")


def _as_letters(form: re.Match[str]) -> str:
    """The letter of a presentation form. The joined lam-alef is kept.

    PDF readers reverse right-to-left words letter by letter, and would also reverse the two letters of this sign. All
    readers know what the sign means.
    """
    letters = unicodedata.normalize("NFKC", chr(int(form[1], 16)))
    return f"<{ord(letters):04X}>" if len(letters) == 1 else form[0]


def ready() -> str:
    """Loads the font that a page begins with, and gives its name."""
    _load(REGULAR)
    return REGULAR


def document_of(canvas: Canvas) -> Any:
    """The PDF document of the canvas, a private attribute of the library."""
    return canvas._doc  # noqa: SLF001


def begin(document: Any) -> None:
    """Gives the everyday characters their codes in a new report, before any other gets one."""
    for name in (REGULAR, BOLD):
        _load(name).splitString(_EVERYDAY, document)


def shown(text: str, name: str, document: Any) -> tuple[tuple[str, str], ...]:
    """For each piece of a text: the name of its font subset in the report, and its escaped codes in that subset."""
    font = _load(name)
    parts = _everyday_parts(text, name) if _ALWAYS_THERE.issuperset(text) else _parts(text, name, document)
    return tuple((font.getSubsetInternalName(subset, document), codes) for subset, codes in parts)


def _parts(text: str, name: str, document: Any) -> tuple[tuple[int, str], ...]:
    return tuple((subset, escapePDF(codes)) for subset, codes in _load(name).splitString(text, document))


@lru_cache(maxsize=2048)
def _everyday_parts(text: str, name: str) -> tuple[tuple[int, str], ...]:
    """The parts of a text whose characters have the same codes in every report."""
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
