"""Options that several commands have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

ConfigFile = Annotated[
    Path | None, typer.Option("--config", help="Settings; ./config.toml if there is one.", metavar="FILE")
]
SiteScaleFile = Annotated[
    Path | None,
    typer.Option("--site", help="Grade on the site's own scale: site.json of `calibrate`.", metavar="FILE"),
]


def printable(words: str) -> str:
    """The words without what a terminal takes for a command."""
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in words)
