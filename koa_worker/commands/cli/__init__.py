"""The command line. An error becomes an exit code and one clear sentence.

Exit codes: 0 fine, 1 some input was rejected, 2 wrong use or configuration, or it cannot start, 3 work is left,
or an erasure is not finished, 4 the database or a folder was lost while running.

Each command imports its own modules, so that `--help` and `status` need not load decoders and models.
"""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from koa_worker import RESEARCH_NOTICE, __version__
from koa_worker.commands.cli import assignments, custody, daemon, database, grading, results, setup, users
from koa_worker.errors import KoaError
from koa_worker.system import garbage

app = typer.Typer(
    name="koa-worker",
    help=f"Grades knee osteoarthritis on radiographs. {RESEARCH_NOTICE}",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


def main() -> None:
    """Runs a command; an expected error becomes one sentence on stderr."""
    garbage.begin_loading()
    try:
        app()
    except KoaError as fault:
        from rich.console import Console

        Console(stderr=True, soft_wrap=True, highlight=False).print(f"koa-worker: {fault}", markup=False)
        sys.exit(fault.exit_code)
    finally:
        garbage.end()


def _print_version(asked: bool) -> None:
    if asked:
        typer.echo(f"koa-worker {__version__}. {RESEARCH_NOTICE}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Options of every command."""


# In the order in which `--help` lists them.
for _command in (
    daemon.run,
    daemon.serve,
    grading.process,
    grading.module,
    grading.batch,
    daemon.status,
    daemon.retry,
    grading.regrade,
    grading.calibrate,
    results.send,
    results.export,
    custody.find,
    custody.forget,
    assignments.assign,
    results.agreement,
    results.drift,
    setup.demo,
):
    app.command()(_command)
app.command("config")(setup.print_config)
app.command()(setup.doctor)
app.add_typer(users.app, name="user")
app.add_typer(database.app, name="db")
