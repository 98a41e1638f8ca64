"""Splits search text and study text into plain words that can be compared."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

LONGEST_WORD = 64
MOST_WORDS = 32  # words of one study: a description may be very long
MOST_TERMS = 6  # terms of one search

_WORD = re.compile(r"[^\W_]+(?:[-_.][^\W_]+)*")
_PART = re.compile(r"[^\W_]+")
_LETTERS = str.maketrans({"ø": "o", "æ": "ae"})  # letters that Unicode does not decompose
# Many files write an umlaut as two letters. A study has its words in both spellings, so that either finds it.
_TWO_LETTERS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ø": "oe", "å": "aa"})
_UMLAUT_IN_TWO = re.compile("(?<=[^\\W\\d_])(?<![aeiouyq])([aou])e|^([aou])e")


def plain(text: str) -> str:
    """The text without case, accents and letter widths: “Müller” and “MULLER” are equal."""
    if text.isascii():
        return text.lower()  # the rest would change nothing, and most texts are so
    apart = unicodedata.normalize("NFKD", text.casefold())
    bare = "".join(letter for letter in apart if not unicodedata.combining(letter))
    return unicodedata.normalize("NFC", bare).translate(_LETTERS)


def words_of(*texts: str) -> tuple[str, ...]:
    """Each word once; a word with hyphens or dots, such as an accession number, as a whole and in parts.

    Words with umlauts come in both spellings: “Müller” is “muller” and “mueller”, and so is “Mueller”.
    """
    every = [(text, _split(plain(text))) for text in texts]
    found = list(dict.fromkeys(word for _, words in every for word in words))[:MOST_WORDS]
    other = (words if text.isascii() else _split(plain(_with_two_letters(text))) for text, words in every)
    spelt = [word for words in other for word in words]
    spelt += [_UMLAUT_IN_TWO.sub(r"\1\2", word) for word in found if "e" in word]
    others = [word for word in dict.fromkeys(spelt) if word not in found]
    return (*found, *others[:MOST_WORDS])


def terms_of(text: str) -> tuple[str, ...]:
    """The terms of a search: each must be the beginning of one of a file's words."""
    return tuple(dict.fromkeys(word[:LONGEST_WORD] for word in _WORD.findall(plain(text))))[:MOST_TERMS]


def may_have(text: str, terms: Iterable[str]) -> bool:
    """Whether a text may have a word for each term: a quick look before it is split into words.

    Without accents the spellings of a word differ by the letter e alone.
    """
    bare = plain(text).replace("e", "")
    return not text.isascii() or all(term.replace("e", "") in bare for term in terms)


def after(prefix: str) -> str:
    """A text that sorts after all texts with this prefix, in the order of code points."""
    return prefix + "\U0010ffff"


def _split(text: str) -> list[str]:
    return [word[:LONGEST_WORD] for word in (*_WORD.findall(text), *_PART.findall(text))]


def _with_two_letters(text: str) -> str:
    return unicodedata.normalize("NFC", text.casefold()).translate(_TWO_LETTERS)
