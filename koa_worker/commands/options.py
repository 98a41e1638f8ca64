"""Options that every command has."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

ConfigFile = Annotated[
    Path | None, typer.Option("--config", help="Settings; ./config.toml if there is one.", metavar="FILE")
]


def printable(words: str) -> str:
    """The words without what a terminal takes for a command."""
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in words)
