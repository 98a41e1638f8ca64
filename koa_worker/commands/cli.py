"""The commands. An error becomes an exit code and one clear sentence.

Exit codes: 0 fine, 1 some input was rejected, 2 wrong use or configuration, or it cannot start, 3 work is left,
or an erasure is not finished, 4 the database or a folder was lost while running.
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
from koa_worker.commands.options import ConfigFile, SiteScaleFile, printable
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


class Format(StrEnum):
    CSV = "csv"
    JSON = "json"
    PARQUET = "parquet"


class Table(StrEnum):
    TEXT = "text"
    CSV = "csv"


class By(StrEnum):
    IMAGE = "image"
    STUDY = "study"
    READING = "reading"


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
    site: SiteScaleFile = None,
    dicom: Annotated[
        Path | None,
        typer.Option(help="Write the DICOM results of each study into DIR, as a PACS is sent them.", metavar="DIR"),
    ] = None,
) -> None:
    """Grade files in place. No file is moved and nothing is stored in the database."""
    from koa_worker.commands.in_place import process_paths
    from koa_worker.commands.json_line import to_line
    from koa_worker.commands.screen import outcome_line
    from koa_worker.pipeline import Pipeline
    from koa_worker.values import Completed

    settings = config.load(config_file).with_site(site)
    log.set_up(settings.log)
    pipeline = Pipeline.load(settings)
    all_graded = True
    for result in process_paths(paths, settings, pipeline, out=out, debug_roi=debug_roi, dicom=dicom):
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
def module(config_file: ConfigFile = None) -> None:
    """Grade MERCURE_IN_DIR and write results into MERCURE_OUT_DIR, as a module of mercure."""
    from koa_worker.commands.module import run as run_module

    settings = config.load(config_file)
    log.set_up(settings.log)
    raise typer.Exit(0 if run_module(settings) else 1)


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
    site: SiteScaleFile = None,
) -> None:
    """Grade an archive in place. To resume after a stop, run the same command again."""
    from koa_worker.batch.run import Plan, run
    from koa_worker.commands.screen import batch_line

    settings = config.load(config_file).with_store(store).with_site(site)
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
def regrade(
    config_file: ConfigFile = None,
    site: SiteScaleFile = None,
    send: Annotated[bool, typer.Option("--send", help="With --site: send the new results to the PACS.")] = False,
) -> None:
    """Grade all stored files again with the current model. Earlier grades are kept.

    With --site only the scale changes: no file is read, and nothing is sent to the PACS without --send.
    """
    from koa_worker.commands.regrade import regrade, rescale
    from koa_worker.intake import prepare_folders
    from koa_worker.publish.outbox import Outbox
    from koa_worker.store import Store

    if send and site is None:
        raise typer.BadParameter("--send can only be used with --site")
    settings = config.load(config_file).with_site(site)
    log.set_up(settings.log)
    prepare_folders(settings.folders)
    if site is not None:
        rescaled = rescale(settings, unsent=not send)
        if send and settings.dicom.destinations:
            with Store.of(settings.store) as store:
                Outbox(settings, store).work()
        typer.echo(f"{rescaled.done} knees put on the site's scale, {rescaled.others} of another release kept.")
        raise typer.Exit(1 if rescaled.others else 0)
    counts = regrade(settings)
    typer.echo(f"{counts.done} graded again, {counts.kept} keep their earlier grades.")
    raise typer.Exit(1 if counts.kept else 0)


@app.command()
def calibrate(
    config_file: ConfigFile = None,
    grades: Annotated[
        Path | None,
        typer.Option(help="CSV with the columns path, kl, or sop_uid, side, kl; also side, subject.", metavar="FILE"),
    ] = None,
    from_readings: Annotated[
        bool, typer.Option("--from-readings", help="Use the grades that readers have saved on the page.")
    ] = False,
    out: Annotated[Path, typer.Option(help="Where to write the scale.", metavar="FILE")] = Path("site.json"),
    crops: Annotated[
        Path | None, typer.Option(help="Also write the graded knees into DIR, for koa-train.", metavar="DIR")
    ] = None,
) -> None:
    """Fit the answers to how this site's readers use the scale. See docs/calibration.md."""
    from koa_worker.commands.calibrate import NO_BETTER, run

    if (grades is None) != from_readings:
        raise typer.BadParameter("give either --grades FILE or --from-readings")
    settings = config.load(config_file)
    log.set_up(settings.log)
    better = True
    for sentence in run(settings, grades, out, crops):
        typer.echo(sentence)
        better = sentence != NO_BETTER
    typer.echo(RESEARCH_NOTICE)
    raise typer.Exit(0 if better else 1)


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
    form: Annotated[
        Format, typer.Option("--format", help="csv, json (one object per line), or parquet (only by study).")
    ] = Format.CSV,
    by: Annotated[By, typer.Option(help="One line per knee and image, per knee and study, or per reading.")] = By.IMAGE,
    with_identity: Annotated[
        bool, typer.Option("--with-identity", help="Add patient id, its issuer and accession number.")
    ] = False,
    config_file: ConfigFile = None,
) -> None:
    """Print a flat table of all results, with one line per knee."""
    from koa_worker.commands.export import COLUMNS, WITH_IDENTITY, to_rows
    from koa_worker.commands.table import write_csv, write_json
    from koa_worker.store import Store

    if by is By.STUDY:
        from koa_worker.commands.study_table import export_studies

        with Store.of(config.load(config_file).store) as store:
            knees = store.export.study_knees(with_identity=with_identity)
            export_studies(knees, form, sys.stdout, with_identity=with_identity)
        return
    if form is Format.PARQUET:
        raise typer.BadParameter("parquet needs --by study; batch writes Parquet by image", param_hint="--format")
    with Store.of(config.load(config_file).store) as store:
        if by is By.READING:
            from koa_worker.commands import reading_table

            columns, rows = reading_table.COLUMNS, reading_table.to_rows(store.reader_grades.every())
            write_csv(rows, sys.stdout, columns) if form is Format.CSV else write_json(rows, sys.stdout)
            return
        columns = WITH_IDENTITY if with_identity else COLUMNS
        rows = to_rows(store.export.rows(with_identity=with_identity), columns)
        if form is Format.CSV:
            write_csv(rows, sys.stdout, columns)
        else:
            write_json(rows, sys.stdout)


app.command()(custody.find)
app.command()(custody.forget)


@app.command()
def agreement(
    form: Annotated[Table, typer.Option("--format", help="csv, or a table for the terminal.")] = Table.TEXT,
    config_file: ConfigFile = None,
) -> None:
    """How far the readers agree with one another and with the model: quadratic kappa with intervals by subject."""
    from koa_worker.commands.agreement import COLUMNS, agreements, screen, to_rows
    from koa_worker.commands.table import write_csv
    from koa_worker.store import Store

    with Store.open(config.load(config_file).store.url) as store:
        found = agreements(store)
    if form is Table.CSV:
        write_csv(to_rows(found), sys.stdout, COLUMNS)
    else:
        Console().print(screen(found))


@app.command()
def drift(
    form: Annotated[Table, typer.Option("--format", help="csv of all weeks, or the findings as text.")] = Table.TEXT,
    config_file: ConfigFile = None,
) -> None:
    """Whether grades, likeness, exposure and refusals are still as they were. Exit 1 if one changed lately."""
    from datetime import UTC, datetime

    from koa_worker.commands.drift import COLUMNS, to_rows
    from koa_worker.commands.table import write_csv
    from koa_worker.knee.grading.site import fitted_to
    from koa_worker.store import Store
    from koa_worker.watch.drift import watch
    from koa_worker.watch.words import sentences

    settings = config.load(config_file)
    with Store.open(settings.store.url) as store:
        watched = watch(store.watch_days.samples(), datetime.now(UTC).date())
    if form is Table.CSV:
        write_csv(to_rows(watched), sys.stdout, COLUMNS)
    else:
        for line in sentences(watched, fitted_to(Path(settings.model.site)) if settings.model.site else ()):
            typer.echo(line)
    raise typer.Exit(1 if watched.lately() else 0)


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
