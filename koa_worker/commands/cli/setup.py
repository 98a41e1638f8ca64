"""`koa-worker demo`, `config` and `doctor`: commands for the set-up."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from koa_worker import config
from koa_worker.commands.cli.options import ConfigFile


def demo(
    config_file: ConfigFile = None,
    into: Annotated[Path | None, typer.Option(help="Write to this folder instead of the inbox.", metavar="DIR")] = None,
    seed: Annotated[
        int | None, typer.Option(help="A number that gives the same files each time. Default: random.")
    ] = None,
) -> None:
    """Write a few synthetic radiographs into the inbox."""
    from koa_worker.intake import prepare_folders
    from koa_worker.synthetic.demo import demo_set

    settings = config.load(config_file)
    if into is None:
        prepare_folders(settings.folders)
    else:
        into.mkdir(parents=True, exist_ok=True)
    folder = into or settings.folders.inbox
    dropped = demo_set(folder, seed)
    typer.echo(f"{len(dropped)} synthetic files written to {folder}.")
    if into is None:
        typer.echo(f"Reports will appear in {settings.folders.reports} while `koa-worker run` is running.")


def print_config(
    show: Annotated[
        bool, typer.Option("--show", help="Print the settings in effect and their sources, without secrets.")
    ] = False,
    config_file: ConfigFile = None,
) -> None:
    """Print a configuration file with every setting, its default and its meaning."""
    if not show:
        if config_file is not None:
            raise typer.BadParameter("--config can only be used with --show")
        typer.echo(config.commented_defaults(), nl=False)
        return
    from koa_worker.commands.settings import as_toml

    typer.echo(as_toml(config.trace(config_file)), nl=False)


def doctor(config_file: ConfigFile = None) -> None:
    """Check everything that the worker needs, and change nothing. Say how to fix each error."""
    from rich.console import Console

    from koa_worker.commands.doctor import check
    from koa_worker.commands.screen import findings_screen

    findings = check(config_file)
    Console().print(findings_screen(findings))
    raise typer.Exit(0 if all(finding.fine for finding in findings) else 2)
