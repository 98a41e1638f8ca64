"""`koa-worker db …`: a store on its way to another database."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Annotated

import typer

from koa_worker import config
from koa_worker.commands.options import ConfigFile

app = typer.Typer(help="The database.", no_args_is_help=True)


@app.callback()
def _options() -> None:
    """Keeps `copy` a command of its own."""


@app.command()
def copy(
    source: Annotated[str, typer.Argument(help="Its address, as in [store] url.", metavar="SOURCE_URL")],
    target: Annotated[str, typer.Argument(help="Of an empty database.", metavar="TARGET_URL")],
    config_file: ConfigFile = None,
) -> None:
    """Copy a store to another database, and check every row; all of it or nothing.

    A password in an address can be seen by other users of this machine while the command runs: put it into ~/.pgpass.
    """
    from koa_worker.store.copying import copy_store
    from koa_worker.system.heartbeat import sole_owner

    work = config.load(config_file).folders.work
    # What a daemon wrote meanwhile would be missing.
    with sole_owner(work) if work.is_dir() else nullcontext():
        copy_store(source, target, lambda table, rows: typer.echo(f"{table}: {rows} rows, each as it was"))
    typer.echo("Copied. Now set [store] url in config.toml to the new address.")
