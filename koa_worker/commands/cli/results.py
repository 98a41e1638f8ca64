"""`koa-worker send`, `export`, `agreement` and `drift`: sending results, tables of results, and their statistics."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from koa_worker import RESEARCH_NOTICE, config
from koa_worker.commands.cli.options import ConfigFile
from koa_worker.errors import SetupError
from koa_worker.system import garbage, log


class ExportFormat(StrEnum):
    CSV = "csv"
    JSON = "json"
    PARQUET = "parquet"


class Table(StrEnum):
    TEXT = "text"
    CSV = "csv"


class RowPer(StrEnum):
    IMAGE = "image"
    STUDY = "study"
    READING = "reading"


def send(
    keys: Annotated[
        list[str] | None,
        typer.Argument(help="File names of reports. All their results are sent again.", metavar="[REPORT…]"),
    ] = None,
    config_file: ConfigFile = None,
) -> None:
    """Send all waiting results to the PACS now, and retry what it rejected."""
    from rich.console import Console

    from koa_worker.commands.screen import parcels_screen
    from koa_worker.publish.outbox import Outbox
    from koa_worker.store import ParcelState, Store

    settings = config.load(config_file)
    log.set_up(settings.log)
    if not settings.dicom.destinations:
        raise SetupError("config", "no [[dicom.destinations]] is configured")
    garbage.end_loading()
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


def export(
    form: Annotated[
        ExportFormat, typer.Option("--format", help="csv, json (one object per line), or parquet (only by study).")
    ] = ExportFormat.CSV,
    by: Annotated[
        RowPer, typer.Option(help="One line per knee and image, per knee and study, or per reading.")
    ] = RowPer.IMAGE,
    with_identity: Annotated[
        bool, typer.Option("--with-identity", help="Add patient id, its issuer and accession number.")
    ] = False,
    config_file: ConfigFile = None,
) -> None:
    """Print a flat table of all results, with one line per knee."""
    typer.echo(RESEARCH_NOTICE, err=True)  # a table of CSV has no place for it
    from koa_worker.store import Store
    from koa_worker.tables.export import COLUMNS, WITH_IDENTITY, to_rows
    from koa_worker.tables.table import write_csv, write_json

    if by is RowPer.STUDY:
        from koa_worker.commands.study_table import export_studies

        with Store.of(config.load(config_file).store) as store:
            knees = store.export.study_knees(with_identity=with_identity)
            export_studies(knees, form, sys.stdout, with_identity=with_identity)
        return
    if form is ExportFormat.PARQUET:
        raise typer.BadParameter("parquet needs --by study; batch writes Parquet by image", param_hint="--format")
    with Store.of(config.load(config_file).store) as store:
        if by is RowPer.READING:
            from koa_worker.commands import reading_table

            columns, rows = reading_table.COLUMNS, reading_table.to_rows(store.reader_grades.every())
            write_csv(rows, sys.stdout, columns) if form is ExportFormat.CSV else write_json(rows, sys.stdout)
            return
        columns = WITH_IDENTITY if with_identity else COLUMNS
        rows = to_rows(store.export.rows(with_identity=with_identity), columns)
        if form is ExportFormat.CSV:
            write_csv(rows, sys.stdout, columns)
        else:
            write_json(rows, sys.stdout)


def agreement(
    form: Annotated[Table, typer.Option("--format", help="csv, or a table for the terminal.")] = Table.TEXT,
    config_file: ConfigFile = None,
) -> None:
    """Print how far readers agree with each other and with the model: quadratic kappa with intervals by subject."""
    typer.echo(RESEARCH_NOTICE, err=True)
    from rich.console import Console

    from koa_worker.commands.agreement import COLUMNS, screen, to_rows
    from koa_worker.store import Store
    from koa_worker.tables.table import write_csv

    with Store.open(config.load(config_file).store.url) as store:
        found = store.site_scales.agreements()
    if form is Table.CSV:
        write_csv(to_rows(found), sys.stdout, COLUMNS)
    else:
        Console().print(screen(found))


def drift(
    form: Annotated[Table, typer.Option("--format", help="csv of all weeks, or the findings as text.")] = Table.TEXT,
    config_file: ConfigFile = None,
) -> None:
    """Tell whether grades, resemblance to the training knees, exposure or refusals changed. Exit 1 if one did."""
    typer.echo(RESEARCH_NOTICE, err=True)
    from datetime import UTC, datetime

    from koa_worker.commands.drift import COLUMNS, to_rows
    from koa_worker.knee.grading.site import fitted_to
    from koa_worker.store import Store
    from koa_worker.tables.table import write_csv
    from koa_worker.watch.drift import monday_of, watch
    from koa_worker.watch.words import sentences

    settings = config.load(config_file)
    with Store.open(settings.store.url) as store:
        today = datetime.now(UTC).date()
        watched = watch(store.watch_days.samples(monday_of(today)), today)
    if form is Table.CSV:
        write_csv(to_rows(watched), sys.stdout, COLUMNS)
    else:
        for line in sentences(watched, fitted_to(Path(settings.model.site)) if settings.model.site else ()):
            typer.echo(line)
    raise typer.Exit(1 if watched.lately() else 0)
