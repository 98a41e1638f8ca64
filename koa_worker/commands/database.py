"""`koa-worker db …`: upgrades the database after an update, or copies it to another one."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Annotated

import typer

from koa_worker import config
from koa_worker.commands.options import ConfigFile

app = typer.Typer(help="Upgrade or move the database.", no_args_is_help=True)


@app.command()
def upgrade(config_file: ConfigFile = None) -> None:
    """Change the tables to those of this version. A SQLite database is backed up beside itself before."""
    from koa_worker.store import Store
    from koa_worker.store.database.schema import REVISION
    from koa_worker.system.heartbeat import sole_owner

    settings = config.load(config_file)
    work = settings.folders.work
    # A daemon of the earlier version would meet tables that it does not know.
    with sole_owner(work) if work.is_dir() else nullcontext():
        Store.open(settings.store.url).close()
    typer.echo(f"The tables are of version {REVISION}.")


@app.command()
def copy(
    source: Annotated[
        str, typer.Argument(help="URL of the database to copy, as in section store, key url.", metavar="SOURCE_URL")
    ],
    target: Annotated[str, typer.Argument(help="URL of an empty database.", metavar="TARGET_URL")],
    config_file: ConfigFile = None,
) -> None:
    """Copy the database to another one and check every row. If anything fails, nothing is written.

    Other users of this machine can see a password in a URL while the command runs. Put it into ~/.pgpass instead.
    """
    from koa_worker.store.database.copying import copy_store
    from koa_worker.system.heartbeat import sole_owner

    work = config.load(config_file).folders.work
    # What a daemon writes during the copy would be missing.
    with sole_owner(work) if work.is_dir() else nullcontext():
        copy_store(source, target, lambda table, rows: typer.echo(f"{table}: {rows} rows copied and checked"))
    typer.echo("Copied. Now set [store] url in config.toml to the new URL.")
