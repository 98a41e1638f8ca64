"""`koa-worker process`, `module`, `batch`, `regrade` and `calibrate`: grading besides the daemon."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from koa_worker import RESEARCH_NOTICE, config
from koa_worker.commands.cli.options import ConfigFile, SiteScaleFile
from koa_worker.system import garbage, log


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
    from koa_worker.commands.outcomes import outcome_line
    from koa_worker.pipeline import Pipeline
    from koa_worker.values import Completed

    settings = config.load(config_file).with_site(site)
    log.set_up(settings.log)
    pipeline = Pipeline.load(settings)
    all_graded = True
    for result in process_paths(paths, settings, pipeline, out=out, debug_roi=debug_roi, dicom=dicom):
        all_graded &= isinstance(result.outcome, Completed)
        if as_json:
            from koa_worker.commands.json_line import to_line

            line = to_line(result.outcome, result.path, pipeline.grader.name, result.report)
            typer.echo(json.dumps(line, ensure_ascii=False))
        else:
            typer.echo(outcome_line(result.path, result.outcome, result.report))
    if not as_json:
        typer.echo(RESEARCH_NOTICE)
    raise typer.Exit(0 if all_graded else 1)


def module(config_file: ConfigFile = None) -> None:
    """Grade MERCURE_IN_DIR and write results into MERCURE_OUT_DIR, as a module of mercure."""
    from koa_worker.commands.module import run as run_module

    settings = config.load(config_file)
    log.set_up(settings.log)
    raise typer.Exit(0 if run_module(settings) else 1)


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
    from rich.console import Console

    from koa_worker.batch.run import BatchPlan, run
    from koa_worker.commands.outcomes import batch_line

    settings = config.load(config_file).with_store(store).with_site(site)
    if no_store and (reports or store):
        raise typer.BadParameter("--no-store cannot be combined with --store or --reports")
    log.set_up(settings.log)
    garbage.end_loading()
    plan = BatchPlan(source, results, store=not no_store, reports=reports, cluster=cluster)
    summary = run(settings, plan, Console(stderr=True))
    typer.echo(batch_line(summary.counts))
    typer.echo(RESEARCH_NOTICE)
    raise typer.Exit(summary.exit_code)


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
    garbage.end_loading()
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
    garbage.end_loading()
    better = True
    for sentence in run(settings, grades, out, crops):
        typer.echo(sentence)
        better = sentence != NO_BETTER
    typer.echo(RESEARCH_NOTICE)
    raise typer.Exit(0 if better else 1)
