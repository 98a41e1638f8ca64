"""Words that are safe to print in a terminal."""

from __future__ import annotations


def printable(words: str) -> str:
    """The words without what a terminal takes for a command."""
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in words)
