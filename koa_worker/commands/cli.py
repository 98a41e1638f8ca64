"""The commands. An error becomes an exit code and one clear sentence.

Exit codes: 0 fine, 1 some input was rejected, 2 wrong use or configuration, or it cannot start, 3 work is left,
4 the database or a folder was lost while running.
"""

from __future__ import annotations

import json
import sys
import time
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from koa_worker import RESEARCH_NOTICE, __version__, config
from koa_worker.commands import custody, database, users
from koa_worker.commands.options import ConfigFile, printable
from koa_worker.errors import KoaError, SetupError
from koa_worker.system import log

app = typer.Typer(
    name="koa-worker",
    help=f"Grades knee osteoarthritis on radiographs. {RESEARCH_NOTICE}",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

app.add_typer(users.app, name="user")
app.add_typer(database.app, name="db")
app.command()(custody.find)
app.command()(custody.forget)


class Format(StrEnum):
    CSV = "csv"
    JSON = "json"


def main() -> None:
    """Runs a command; an expected error becomes one sentence on stderr."""
    try:
        app()
    except KoaError as fault:
        Console(stderr=True, soft_wrap=True, highlight=False).print(f"koa-worker: {fault}", markup=False)
        sys.exit(fault.exit_code)


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


# Each command imports what it needs: `--help` and `status` should not wait for decoders and models.


@app.command()
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


@app.command()
def serve(config_file: ConfigFile = None) -> None:
    """Serve the web page. The daemon need not be running."""
    from koa_worker.intake import prepare_folders
    from koa_worker.system.stop import on_signal
    from koa_worker.web.serve import serving

    settings = config.load(config_file)
    log.set_up(settings.log)
    prepare_folders(settings.folders)
    with on_signal() as stop, serving(settings) as address:
        typer.echo(f"{address} {RESEARCH_NOTICE}")
        while not stop.asked:
            time.sleep(0.2)


@app.command()
def process(
    paths: Annotated[list[Path], typer.Argument(help="Files or folders.", metavar="PATH…", exists=True)],
    config_file: ConfigFile = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object per line and nothing else.")] = False,
    out: Annotated[Path | None, typer.Option(help="Write a PDF report for each study into DIR.", metavar="DIR")] = None,
    debug_roi: Annotated[
        Path | None,
        typer.Option(help="Write an image for each file into DIR that shows how the knees were found.", metavar="DIR"),
    ] = None,
) -> None:
    """Grade files in place. No file is moved and nothing is stored in the database."""
    from koa_worker.commands.in_place import process_paths
    from koa_worker.commands.json_line import to_line
    from koa_worker.commands.screen import outcome_line
    from koa_worker.pipeline import Pipeline
    from koa_worker.values import Completed

    settings = config.load(config_file)
    log.set_up(settings.log)
    pipeline = Pipeline.load(settings)
    all_graded = True
    for result in process_paths(paths, settings, pipeline, out=out, debug_roi=debug_roi):
        all_graded &= isinstance(result.outcome, Completed)
        if as_json:
            line = to_line(result.outcome, result.path, pipeline.grader.name, result.report)
            typer.echo(json.dumps(line, ensure_ascii=False))
        else:
            typer.echo(outcome_line(result.path, result.outcome, result.report))
    if not as_json:
        typer.echo(RESEARCH_NOTICE)
    raise typer.Exit(0 if all_graded else 1)


@app.command()
def batch(
    source: Annotated[
        str, typer.Argument(help="A folder, a URL like s3://bucket/knees, or a manifest: .txt, .csv, .parquet.")
    ],
    results: Annotated[Path, typer.Option(help="Folder for the Parquet results.", metavar="DEST")],
    config_file: ConfigFile = None,
    cluster: Annotated[
        str, typer.Option(help="Grade on a Dask cluster; ADDRESS is its scheduler.", metavar="ADDRESS")
    ] = "",
    store: Annotated[
        str | None, typer.Option(help="URL of the database for the results. Default: the one in the configuration.")
    ] = None,
    no_store: Annotated[bool, typer.Option("--no-store", help="Write only Parquet, no database.")] = False,
    reports: Annotated[bool, typer.Option("--reports", help="Write a PDF report for each study.")] = False,
) -> None:
    """Grade an archive in place. To resume after a stop, run the same command again."""
    from koa_worker.batch.run import Plan, run
    from koa_worker.commands.screen import batch_line

    settings = config.load(config_file).with_store(store)
    if no_store and (reports or store):
        raise typer.BadParameter("--no-store cannot be combined with --store or --reports")
    log.set_up(settings.log)
    plan = Plan(source, results, store=not no_store, reports=reports, cluster=cluster)
    summary = run(settings, plan, Console(stderr=True))
    typer.echo(batch_line(summary.counts))
    typer.echo(RESEARCH_NOTICE)
    raise typer.Exit(summary.exit_code)


@app.command()
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
        Console().print(status_screen(settings, found))
    raise typer.Exit(1 if any(concern.code == "database" for concern in found.concerns) else 0)


@app.command()
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
        unknown = [one for one in ids or () if store.files.find(one) is None]
    typer.echo(f"{count} failed {'file' if count == 1 else 'files'} put back into the queue.")
    for one in unknown:
        typer.echo(f"{printable(one)}: no file has this ID.", err=True)
    others = len(set(ids or ())) - len(unknown) - count
    if others > 0:
        typer.echo(f"{others} of these files had not failed.", err=True)
    raise typer.Exit(1 if unknown or others > 0 else 0)


@app.command()
def regrade(config_file: ConfigFile = None) -> None:
    """Grade all stored files again with the current model. Earlier grades are kept."""
    from koa_worker.commands.regrade import regrade
    from koa_worker.intake import prepare_folders

    settings = config.load(config_file)
    log.set_up(settings.log)
    prepare_folders(settings.folders)
    counts = regrade(settings)
    typer.echo(f"{counts.done} graded again, {counts.kept} keep their earlier grades.")
    raise typer.Exit(1 if counts.kept else 0)


@app.command()
def send(
    keys: Annotated[
        list[str] | None,
        typer.Argument(help="File names of reports. All their results are sent again.", metavar="[REPORT…]"),
    ] = None,
    config_file: ConfigFile = None,
) -> None:
    """Send all waiting results to the PACS now, and retry what it rejected."""
    from koa_worker.commands.screen import parcels_screen
    from koa_worker.publish.outbox import Outbox
    from koa_worker.store import ParcelState, Store

    settings = config.load(config_file)
    log.set_up(settings.log)
    if not settings.dicom.destinations:
        raise SetupError("config", "no [[dicom.destinations]] is configured")
    with Store.of(settings.store) as store:
        outbox = Outbox(settings, store)
        wanted = [Path(key).stem for key in keys or ()]
        store.sending.send_again(wanted)
        store.sending.wake_parcels()
        outbox.work()
        counts = store.sending.parcel_counts()
    Console().print(parcels_screen(counts))
    arrived = all(states[ParcelState.ACKNOWLEDGED] == sum(states.values()) for states in counts.values())
    raise typer.Exit(0 if arrived else 1)


@app.command()
def export(
    form: Annotated[Format, typer.Option("--format", help="csv, or json (one object per line).")] = Format.CSV,
    config_file: ConfigFile = None,
) -> None:
    """Print a flat table of all results, with one line per knee."""
    from koa_worker.commands.export import COLUMNS, to_rows
    from koa_worker.commands.table import write_csv, write_json
    from koa_worker.store import Store

    with Store.of(config.load(config_file).store) as store:
        if form is Format.CSV:
            write_csv(to_rows(store.export.rows()), sys.stdout, COLUMNS)
        else:
            write_json(to_rows(store.export.rows()), sys.stdout)


@app.command()
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


@app.command("config")
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


@app.command()
def doctor(config_file: ConfigFile = None) -> None:
    """Check everything that the worker needs, and change nothing. Say how to fix each error."""
    from koa_worker.commands.doctor import check
    from koa_worker.commands.screen import findings_screen

    findings = check(config_file)
    Console().print(findings_screen(findings))
    raise typer.Exit(0 if all(finding.fine for finding in findings) else 2)
