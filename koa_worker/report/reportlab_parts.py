"""All uses of undocumented parts of reportlab: a canvas's document, font subsets, unchanged JPEG bytes, PDF/A."""

from __future__ import annotations

import copy
import re
import struct
import unicodedata
import zlib
from functools import cache, lru_cache
from io import BytesIO
from pathlib import Path
from typing import Any

from reportlab.lib.rl_accel import escapePDF
from reportlab.lib.utils import ImageReader
from reportlab.pdfbase import pdfdoc, pdfutils, ttfonts
from reportlab.pdfbase.pdfdoc import PDFArray, PDFDictionary, PDFName, PDFObject, PDFStream, PDFString
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas


def document_of(canvas: Canvas) -> Any:
    """The PDF document of the canvas, a private attribute of the library."""
    return canvas._doc  # noqa: SLF001


def add_archival_parts(canvas: Canvas, xmp: bytes, profile: bytes, colours: str) -> None:
    """Puts the metadata and the output intent, with its ICC profile, into the document's catalog."""
    document = document_of(canvas)
    metadata = PDFStream(PDFDictionary({"Type": PDFName("Metadata"), "Subtype": PDFName("XML")}), xmp)
    destination = PDFStream(PDFDictionary({"N": 3}), profile)
    intent = PDFDictionary(
        {
            "Type": PDFName("OutputIntent"),
            "S": PDFName("GTS_PDFA1"),
            "OutputConditionIdentifier": PDFString(colours),
            "Info": PDFString(colours),
            "DestOutputProfile": document.Reference(destination, "outputProfile"),
        }
    )
    catalog = document.Catalog
    catalog.Metadata, catalog.OutputIntents = metadata, PDFArray([intent])
    catalog.__NoDefault__ = [*catalog.__NoDefault__, "OutputIntents"]


_format_stream = PDFStream.format


def _with_line_end(stream: PDFStream, document: Any) -> bytes:
    """A stream with the end of line before its last keyword that PDF/A requires (ISO 19005-2, 6.1.7.1)."""
    return bytes(_format_stream(stream, document)).removesuffix(b"endstream\n") + b"\nendstream\n"


PDFStream.format = _with_line_end
# Every key of every dictionary is escaped letter by letter; all reports have the same ones.
pdfdoc.PDFName = lru_cache(maxsize=1024)(PDFName)


def _compress_quickly(content: str | bytes) -> bytes:
    """The library would take three times as long to make a page smaller by a fiftieth of its report."""
    return zlib.compress(content.encode() if isinstance(content, str) else content, 1)


pdfdoc.PDFZCompress.encode = _compress_quickly


def _read_jpeg(stream: BytesIO) -> tuple[int, int, int, tuple[int, int]]:
    """Width, height and colours of a JPEG, and a resolution; the library would read its header byte by byte."""
    jpeg, at = stream.getbuffer(), 2
    while jpeg[at + 1] not in _FRAMES:
        at += 2 + int(struct.unpack_from(">H", jpeg, at + 2)[0])
    height, width, colours = struct.unpack_from(">HHB", jpeg, at + 5)
    return width, height, colours, (72, 72)


_FRAMES = (0xC0, 0xC1, 0xC2)  # the segments with the size, of the three kinds of JPEG that a PDF may contain
pdfutils.readJPEGInfo = _read_jpeg


def draw_literally(canvas: Canvas, operators: str) -> None:
    """Writes PDF operators into the page unchanged."""
    canvas.addLiteral(operators)


class Jpeg(ImageReader):  # type: ignore[misc]
    """JPEG bytes that are written unchanged, with a number of its own among the images of the document.

    The library's reader would decode them, and hash the pixels, only to find a name for them.
    """

    _dataA = None  # noqa: N815 - no part is transparent

    def __init__(self, jpeg: bytes, number: int) -> None:
        self.jpeg = jpeg
        self._number = number

    def getRGBData(self) -> bytes:  # noqa: N802
        return b"%d" % self._number

    def jpeg_fh(self) -> BytesIO:
        return BytesIO(self.jpeg)


class SearchableFont(TTFont):  # type: ignore[misc]
    """Joined Arabic letters are drawn with presentation forms, but copied and searched as the letters they are.

    Parts that are the same in every report are made once and cached.
    """

    def __init__(self, name: str, path: Path) -> None:
        super().__init__(name, str(path))
        make = lru_cache(maxsize=16)(self.face.makeSubset)
        self.face.makeSubset = lambda codes: make(tuple(codes))

    def has(self, character: str) -> bool:
        return ord(character) in self.face.charToGlyph

    def begin(self, text: str, document: Any) -> None:
        """Gives the characters of a text the same codes in each report, before all other characters."""
        begun = _begin(self, text)
        state = self.state[document] = copy.copy(begun)
        state.assignments, state.subsets = dict(begun.assignments), [list(subset) for subset in begun.subsets]

    def parts(self, text: str, document: Any) -> tuple[tuple[int, str], ...]:
        """Gives for each piece of a text the number of its font subset in a report, and its escaped codes there."""
        return tuple((subset, escapePDF(codes)) for subset, codes in self.splitString(text, document))

    def name_of(self, subset: int, document: Any) -> str:
        return str(self.getSubsetInternalName(subset, document))

    def addObjects(self, doc: Any) -> None:  # noqa: N802
        super().addObjects(doc)
        name = self.face.name.decode()
        for key, made in doc.idToObject.items():
            if key.startswith("toUnicodeCMap:") and key.endswith(f"+{name}"):
                made.content = _searchable(made.content)
                made.filters = [_Compressed]
            elif key.startswith("fontFile:") and key.endswith(f"+{name})"):
                made.filters = [_Compressed]
        for font in doc.idToObject["BasicFonts"].dict.values():
            if getattr(font, "BaseFont", "").endswith(f"+{name}"):
                font.Widths = _Written(_write(tuple(font.Widths.sequence)))


class _NoDocument:
    """Takes the place of a PDF document where only codes are wanted."""


@cache
def _begin(font: SearchableFont, text: str) -> Any:
    """The codes of a font in a report that has only these characters."""
    nothing = _NoDocument()
    font.splitString(text, nothing)
    return font.state[nothing]


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


@lru_cache(maxsize=64)
def _searchable(character_map: str) -> str:
    return _PRESENTATION_FORM.sub(_as_letters, character_map)


def _as_letters(form: re.Match[str]) -> str:
    """The letter of a presentation form. The joined lam-alef is kept.

    PDF readers reverse right-to-left words letter by letter, and would also reverse the two letters of this sign. All
    readers know what the sign means.
    """
    letters = unicodedata.normalize("NFKC", chr(int(form[1], 16)))
    return f"<{ord(letters):04X}>" if len(letters) == 1 else form[0]


_make_map = lru_cache(maxsize=64)(ttfonts.makeToUnicodeCMap)
ttfonts.makeToUnicodeCMap = lambda font, subset: _make_map(font, tuple(subset))
