"""Splits search text and study text into plain words that can be compared."""

from __future__ import annotations

import re
import unicodedata

LONGEST_WORD = 64
MOST_WORDS = 32  # of one study: a description may be a novel
MOST_TERMS = 6  # of one search

_WORD = re.compile(r"[^\W_]+(?:[-_.][^\W_]+)*")
_PART = re.compile(r"[^\W_]+")


def plain(text: str) -> str:
    """The text without case, accents and letter widths: “Müller” and “MULLER” are the same."""
    apart = unicodedata.normalize("NFKD", text.casefold())
    return unicodedata.normalize("NFC", "".join(letter for letter in apart if not unicodedata.combining(letter)))


def words_of(*texts: str) -> tuple[str, ...]:
    """Each word once; a word with hyphens or dots, such as an accession number, as a whole and in parts."""
    found: dict[str, None] = {}
    for text in map(plain, texts):
        for word in (*_WORD.findall(text), *_PART.findall(text)):
            found.setdefault(word[:LONGEST_WORD])
    return tuple(found)[:MOST_WORDS]


def terms_of(text: str) -> tuple[str, ...]:
    """What is searched for: each must begin one of a file's words."""
    return tuple(dict.fromkeys(word[:LONGEST_WORD] for word in _WORD.findall(plain(text))))[:MOST_TERMS]


def after(prefix: str) -> str:
    """A text that sorts behind everything that begins with `prefix`, in the order of code points."""
    return prefix + "\U0010ffff"
