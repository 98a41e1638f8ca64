"""The words of the reports: one file for each language, in which a key stands for a sentence or a form.

`en.toml` is the original. A translator copies it to a file named by the code of another language, and translates its
values; names in braces stay. The sentences about errors are in `errors/` in English, and in the language's file for any
other language.
`speaking` chooses the language of all words that are made inside its context; without it they are English.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from importlib import resources

from koa_worker.errors import CATALOGUE, Fault

ENGLISH = "en"
# Not a parameter: nearly every function of the report makes words, and the page, tables and DICOM objects share them.
_language = ContextVar("language", default=ENGLISH)


@cache
def names() -> tuple[str, ...]:
    """The codes of the languages that have a file."""
    files = resources.files(__package__).iterdir()
    return tuple(sorted(file.name.removesuffix(".toml") for file in files if file.name.endswith(".toml")))


@cache
def catalogue(language: str) -> Mapping[str, str]:
    """All words of a language, by `section.key`."""
    text = (resources.files(__package__) / f"{language}.toml").read_text(encoding="utf-8")
    found = {f"{section}.{key}": word for section, words in tomllib.loads(text).items() for key, word in words.items()}
    return _of_errors() | found if language == ENGLISH else found


def own_name(language: str) -> str:
    """The name of a language in that language."""
    return catalogue(language)["report.language"]


def _of_errors() -> dict[str, str]:
    """The English sentences about files and knees that were not graded."""
    entries = {code: entry for code, entry in CATALOGUE.items() if entry.fault is Fault.FILE}
    return {f"fault.{code}": entry.sentence for code, entry in entries.items()} | {
        f"remedy.{code}": entry.remedy for code, entry in entries.items()
    }


@contextmanager
def speaking(language: str) -> Iterator[None]:
    """Makes all words in this language, in this thread and inside this context only."""
    before = _language.set(language)
    try:
        yield
    finally:
        _language.reset(before)


def language() -> str:
    """The code of the current language."""
    return _language.get()


def say(key: str, **values: object) -> str:
    """The words of a key in the current language, with the values put in."""
    return catalogue(_language.get())[key].format(**values)


def number(value: float, digits: int) -> str:
    """A number with the decimal mark of the language."""
    return f"{value:.{digits}f}".replace(".", say("form.decimal_mark"))
