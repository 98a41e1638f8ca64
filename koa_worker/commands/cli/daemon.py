"""`koa-worker run`, `serve`, `status` and `retry`: the daemon, its page, and its state."""

from __future__ import annotations

import json
import time
from typing import Annotated

import typer

from koa_worker import RESEARCH_NOTICE, config
from koa_worker.commands.cli.options import ConfigFile
from koa_worker.system import log


def run(
    config_file: ConfigFile = None,
    once: Annotated[
        bool, typer.Option("--once", help="Grade all files in the inbox, then exit. For a nightly run.")
    ] = False,
) -> None:
    """Watch the inbox and grade each file that arrives."""
    from koa_worker.daemon import start

    settings = config.load(config_file)
    log.set_up(settings.log)
    summary = start.run(settings, once=once)
    if once:
        typer.echo(str(summary))
    raise typer.Exit(summary.exit_code if once else 0)


def serve(config_file: ConfigFile = None) -> None:
    """Serve the web page. The daemon need not be running."""
    from koa_worker.intake import prepare_folders
    from koa_worker.system.stop import on_signal
    from koa_worker.web.serving.serve import serving

    settings = config.load(config_file)
    log.set_up(settings.log)
    prepare_folders(settings.folders)
    with on_signal() as stop, serving(settings) as address:
        typer.echo(f"{address} {RESEARCH_NOTICE}")
        while not stop.asked:
            time.sleep(0.2)


def status(
    config_file: ConfigFile = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Print only what needs a person; exit 1 if anything does.")
    ] = False,
    alive: Annotated[
        bool, typer.Option("--alive", help="Print only whether the daemon's loop runs; exit 1 if not.")
    ] = False,
) -> None:
    """Show how many files are waiting, graded, rejected and failed, and what needs a person."""
    from koa_worker import health
    from koa_worker.commands.status import check_lines, daemon_line, status_screen, status_values
    from koa_worker.system.heartbeat import condition_of, feel

    settings = config.load(config_file)
    if alive:
        felt = feel(settings.folders.work)
        typer.echo(daemon_line(felt))
        raise typer.Exit(0 if condition_of(felt).is_well else 1)
    found = health.look(settings)
    if check:
        typer.echo("\n".join(check_lines(found)))
        raise typer.Exit(1 if found.concerns else 0)
    if as_json:
        typer.echo(json.dumps(status_values(settings, found)))
    else:
        from rich.console import Console

        Console().print(status_screen(settings, found))
    raise typer.Exit(1 if any(concern.code == "database" for concern in found.concerns) else 0)


def retry(
    ids: Annotated[
        list[str] | None, typer.Argument(help="IDs of failed files. Default: all failed files.", metavar="[ID…]")
    ] = None,
    config_file: ConfigFile = None,
) -> None:
    """Put failed files back into the queue. The daemon retries them."""
    from koa_worker.store import Store

    with Store.of(config.load(config_file).store) as store:
        count = store.files.retry(ids)
    typer.echo(f"{count} failed {'file' if count == 1 else 'files'} put back into the queue.")
    others = len(set(ids or ())) - count
    if others > 0:
        typer.echo(f"{others} of these files had not failed.", err=True)
    raise typer.Exit(1 if others > 0 else 0)
