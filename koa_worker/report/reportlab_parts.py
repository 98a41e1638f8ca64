"""All that is used of reportlab's undocumented parts: the report beneath a canvas, subsets of fonts, JPEG as it is."""

from __future__ import annotations

import re
import unicodedata
import zlib
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import Any

from reportlab.lib.rl_accel import escapePDF, fp_str
from reportlab.lib.utils import ImageReader
from reportlab.pdfbase.pdfdoc import PDFArray, PDFObject
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas


def document_of(canvas: Canvas) -> Any:
    """The report beneath the canvas, which the library keeps to itself."""
    return canvas._doc  # noqa: SLF001


def draw_literally(canvas: Canvas, operators: str) -> None:
    """Puts operators of a page's description where they stand, in the PDF's own words."""
    canvas.addLiteral(operators)


def numbers(*values: float) -> str:
    """Numbers as the PDF writes them."""
    return str(fp_str(*values))


class Jpeg(ImageReader):  # type: ignore[misc]
    """Bytes that go into the file as they are; the stock reader would open and decode them only to name them."""

    _dataA = None  # noqa: N815 - nothing of it is transparent

    def __init__(self, jpeg: bytes) -> None:
        self.jpeg = jpeg

    def getRGBData(self) -> bytes:  # noqa: N802
        return self.jpeg

    def jpeg_fh(self) -> BytesIO:
        return BytesIO(self.jpeg)


class SearchableFont(TTFont):  # type: ignore[misc]
    """Joined Arabic letters are drawn with presentation forms, but copied and searched as the letters they are.

    Whatever was made for one report and is the same in the next one is remembered.
    """

    def __init__(self, name: str, path: Path) -> None:
        super().__init__(name, str(path))
        make = lru_cache(maxsize=16)(self.face.makeSubset)
        self.face.makeSubset = lambda codes: make(tuple(codes))

    def has(self, character: str) -> bool:
        return ord(character) in self.face.charToGlyph

    def assign(self, text: str, document: Any) -> None:
        """Gives the characters their codes in a report, unless they have got some."""
        self.splitString(text, document)

    def parts(self, text: str, document: Any) -> tuple[tuple[int, str], ...]:
        """For each piece of a text the number of its subset in a report, and its codes as they stand there."""
        return tuple((subset, escapePDF(codes)) for subset, codes in self.splitString(text, document))

    def name_of(self, subset: int, document: Any) -> str:
        return str(self.getSubsetInternalName(subset, document))

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
