"""Text as it is printed: cleaned of misleading characters, shaped, put in visual order, split by font, and fitted."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby

from arabic_reshaper import ArabicReshaper
from bidi import get_display

from koa_worker.report import fonts

LONGEST = 600  # characters; the longest DICOM name has 3 × 64
ELLIPSIS = "…"
_JOINERS = "\u200c\u200d"  # they shape Persian and Indic words, and are removed after that
_SELECTORS = (range(0xFE00, 0xFE10), range(0xE0100, 0xE01F0))
_HEBREW_POINTS = range(0x0591, 0x05C8)
_RIGHT_TO_LEFT = {"R", "AL", "AN"}
# Lam-alef is the only ligature that is kept, because Arabic requires it; other ligatures hide letters from a search.
_RESHAPER = ArabicReshaper(configuration={"support_zwj": True, "ARABIC LIGATURE ALLAH": False})


@dataclass(frozen=True, slots=True)
class Run:
    """Characters of one font, in the order in which they are printed."""

    text: str
    font: str
    width: float  # at size 1


@lru_cache(maxsize=512)
def clean(text: str) -> str:
    """The text as one line, in composed form, without invisible characters.

    Direction overrides are removed because they can show one name as another. Control characters and unpaired
    surrogates become a visible mark, so that a reader knows that the name had more characters.
    """
    composed = unicodedata.normalize("NFC", text[:LONGEST])
    return " ".join("".join(map(_clean_one, composed)).split())


def _clean_one(character: str) -> str:
    if character.isspace() or character in _JOINERS:
        return " " if character.isspace() else character
    code = ord(character)
    category = unicodedata.category(character)
    if category == "Cf" or any(code in part for part in _SELECTORS):
        return ""
    if category == "Mn" and code in _HEBREW_POINTS:
        return ""  # everyday writing omits them, and the reshaper removes the Arabic ones too
    return fonts.UNPRINTABLE if category in {"Cc", "Cs", "Co", "Cn"} else character


def visual(text: str) -> str:
    """The characters from left to right: Arabic letters are joined, and right-to-left words are reversed."""
    if any(unicodedata.bidirectional(character) in _RIGHT_TO_LEFT for character in text):
        text = str(get_display(_RESHAPER.reshape(text), base_dir="L"))
    return text.translate({ord(joiner): None for joiner in _JOINERS})


@lru_cache(maxsize=512)
def runs(text: str, *, bold: bool = False) -> tuple[Run, ...]:
    """The cleaned text, split by font and ready to be drawn."""
    printable = [
        character if fonts.font_of(character, bold=bold) else fonts.UNPRINTABLE for character in visual(clean(text))
    ]
    parts = ((font, "".join(part)) for font, part in groupby(printable, lambda one: fonts.font_of(one, bold=bold)))
    return tuple(Run(part, font, fonts.width(part, font, 1.0)) for font, part in parts)


def width(text: str, size: float, *, bold: bool = False) -> float:
    return size * sum(run.width for run in runs(text, bold=bold))


def shorten(text: str, room: float, size: float, *, bold: bool = False) -> str:
    """The text if it fits, else as much of its beginning as fits, and an ellipsis."""
    whole = clean(text)
    if width(whole, size, bold=bold) <= room:
        return whole
    low, high = 0, len(whole)
    while low < high:
        middle = (low + high + 1) // 2
        fits = width(whole[:middle].rstrip() + ELLIPSIS, size, bold=bold) <= room
        low, high = (middle, high) if fits else (low, middle - 1)
    return whole[:low].rstrip() + ELLIPSIS


@lru_cache(maxsize=512)
def wrap(text: str, room: float, size: float, *, bold: bool = False, most: int = 3) -> tuple[str, ...]:
    """Lines of whole words. A word wider than the room is broken; beyond `most` lines an ellipsis shows the cut."""
    lines: list[str] = []
    line = ""
    for word in _pieces(clean(text), room, size, bold=bold):
        longer = f"{line} {word}".strip()
        if line and width(longer, size, bold=bold) > room:
            lines.append(line)
            line = word
        else:
            line = longer
    lines.append(line)
    if len(lines) > most:
        lines[most - 1 :] = [shorten(" ".join(lines[most - 1 :]), room, size, bold=bold)]
    return tuple(lines)


def _pieces(text: str, room: float, size: float, *, bold: bool) -> list[str]:
    pieces = []
    for word in text.split():
        while width(word, size, bold=bold) > room and len(word) > 1:
            cut = max(1, next((n for n in range(1, len(word)) if width(word[: n + 1], size, bold=bold) > room), 1))
            pieces.append(word[:cut])
            word = word[cut:]  # noqa: PLW2901
        pieces.append(word)
    return pieces
