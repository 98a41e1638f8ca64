"""When Python searches for garbage: rarely while a program loads, since what it loads stays; as usual while it works.

A few objects of a file that was refused may refer to one another and hold its pixels: a program that goes on to search
rarely would keep some hundred megabytes of them.
"""

from __future__ import annotations

import gc

# New objects between two searches, in place of Python's 700: to search all that is loaded takes a tenth of a start.
_WHILE_LOADING = 20_000
_USUAL = gc.get_threshold()


def begin_loading() -> None:
    gc.set_threshold(_WHILE_LOADING)


def end_loading() -> None:
    """Excludes what is loaded from every search, which would take as long as grading one or two knees."""
    gc.freeze()
    gc.set_threshold(*_USUAL)


def end() -> None:
    """The process ends, with its memory: a last search of all its objects would take a tenth of its start."""
    gc.freeze()
