"""Options that several commands have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

CONSOLE = "console"  # the user in the audit log: a person with the rights to the database

ConfigFile = Annotated[
    Path | None, typer.Option("--config", help="Settings; ./config.toml if there is one.", metavar="FILE")
]
SiteScaleFile = Annotated[
    Path | None,
    typer.Option("--site", help="Grade on the site's own scale: site.json of `calibrate`.", metavar="FILE"),
]
