"""The fonts that travel with the program: loaded when a character first needs them, once per process."""

from __future__ import annotations

import re
import unicodedata
from functools import cache, lru_cache
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


class _SearchableFont(TTFont):  # type: ignore[misc]
    """Joined Arabic letters are drawn with presentation forms, but copied and searched as the letters they are."""

    def addObjects(self, doc: Any) -> None:  # noqa: N802
        super().addObjects(doc)
        prefix = "toUnicodeCMap:"
        for name, stream in doc.idToObject.items():
            if name.startswith(prefix) and name.endswith(f"+{self.face.name.decode()}"):
                stream.content = _PRESENTATION_FORM.sub(_as_letters, stream.content)


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
