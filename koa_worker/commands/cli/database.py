"""`koa-worker db …`: upgrades the database, copies it to another one, and compares it with the folders."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Annotated

import typer

from koa_worker import config
from koa_worker.commands.cli.options import ConfigFile

app = typer.Typer(help="Upgrade or move the database, or compare it with the folders.", no_args_is_help=True)


@app.command()
def upgrade(config_file: ConfigFile = None) -> None:
    """Migrate the tables to those of this version. A SQLite database is first backed up beside itself."""
    from koa_worker.store import Store
    from koa_worker.store.database.schema import REVISION
    from koa_worker.system.heartbeat import sole_owner

    settings = config.load(config_file)
    work = settings.folders.work
    # A running daemon of the earlier version would not understand the new tables.
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
    # Data that a daemon writes during the copy would be missing.
    with sole_owner(work) if work.is_dir() else nullcontext():
        copy_store(source, target, lambda table, rows: typer.echo(f"{table}: {rows} rows copied and checked"))
    typer.echo("Copied. Now set [store] url in config.toml to the new URL.")


@app.command()
def reconcile(
    apply: Annotated[
        bool,
        typer.Option("--apply", help="Give unmatched originals back to the daemon, which grades them. Renew reports."),
    ] = False,
    remove_reports: Annotated[
        bool, typer.Option("--remove-reports", help="Delete reports of studies that the database does not know.")
    ] = False,
    config_file: ConfigFile = None,
) -> None:
    """List originals, reports and database rows that do not match each other, for example after a restore."""
    from koa_worker.custody import reconcile as work
    from koa_worker.store import Store

    settings = config.load(config_file)
    with Store.of(settings.store) as store:
        found = work.compare(settings, store)
        for kind, these in (
            ("original unknown to the database", found.unknown_originals),
            ("original finished or moved after the backup", found.misplaced_originals),
            ("record without its original", found.missing_originals),
            ("report unknown to the database", found.unknown_reports),
            ("report missing of study", found.missing_reports),
            ("report newer or changed of study", found.other_reports),
        ):
            for one in these:
                typer.echo(f"{kind}: {one}")
        if not found:
            typer.echo("Database and folders agree.")
            return
        if remove_reports:
            for path in found.unknown_reports:
                path.unlink(missing_ok=True)
            typer.echo(f"{len(found.unknown_reports)} reports removed.")
        if apply:
            typer.echo(f"{work.apply(store, found)} originals will be graded again while the daemon runs.")
    raise typer.Exit(0 if apply else 1)
