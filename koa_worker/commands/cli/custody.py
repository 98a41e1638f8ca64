"""`koa-worker forget` and `koa-worker find`: lists and erases the data of a patient.

A patient's id must not be in a command line, because `ps` shows it to every user of the machine. With `-` it is read
from the first line of the input.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from koa_worker import config
from koa_worker.commands.cli.options import CONSOLE, ConfigFile
from koa_worker.system import log

if TYPE_CHECKING:  # the commands start fast: see `cli/__init__.py`
    from koa_worker.config import Config
    from koa_worker.custody.search import SearchResult
    from koa_worker.store.records.belongings import FoundStudy, Whose

_WAIT = "Seconds to wait for files that are being worked on. Default: as long as one file may take."

PatientId = Annotated[
    str | None, typer.Option("--patient-id", help="`-`: the id is read from the first line of the input.", metavar="-")
]
Accession = Annotated[
    str | None, typer.Option(help="`-`: the accession number is read from the first line of the input.", metavar="-")
]
Issuer = Annotated[str | None, typer.Option(help="Issuer of the patient id; '' for ids without one.", metavar="NAME")]


def forget(
    patient_id: PatientId = None,
    issuer: Issuer = None,
    study: Annotated[
        str | None, typer.Option(help="Study Instance UID, or the file name of a report.", metavar="UID")
    ] = None,
    accession: Accession = None,
    yes: Annotated[
        bool, typer.Option("--yes", help="Remove it. Without this, only show what would be removed.")
    ] = False,
    wait: Annotated[float | None, typer.Option(min=0.0, help=_WAIT, metavar="SECONDS")] = None,
    config_file: ConfigFile = None,
) -> None:
    """Erase a patient, a study or an accession number: originals, reports, results, images and database rows."""
    from koa_worker.custody.erase import erase
    from koa_worker.custody.search import Search
    from koa_worker.store import Store

    whose = _whose(patient_id, issuer, study, accession)
    settings = config.load(config_file)
    log.set_up(settings.log)
    with Store.of(settings.store) as store:
        if not yes:
            finding = Search(settings, store, whose).look()
            _show(settings, finding, "Would be removed")
            typer.echo("Nothing was removed. To remove it, add --yes." if finding else "There is nothing to remove.")
            return
        wait_seconds = settings.limits.seconds_per_file + 60.0 if wait is None else wait
        erased = erase(settings, store, whose, who=CONSOLE, wait_seconds=wait_seconds)
    _show(settings, erased.finding, "Removed")
    if erased.unseen:
        typer.echo(
            f"{erased.unseen} files are being worked on elsewhere. Run the same command again when they are done."
        )
        raise typer.Exit(3)


def find(
    patient_id: PatientId = None,
    issuer: Issuer = None,
    accession: Accession = None,
    name_of_file: Annotated[
        str | None,
        typer.Option(help="`-`: the original file name is read from the first line of the input.", metavar="-"),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object per study and nothing else.")] = False,
    config_file: ConfigFile = None,
) -> None:
    """Show which results belong to a patient, an accession number or a file name. Exit code 1 if there are none."""
    from koa_worker.store import Store

    named = _secret("--name-of-file", name_of_file)
    whose = None if named is not None else _whose(patient_id, issuer, None, accession)
    if named is not None and (patient_id, issuer, accession) != (None, None, None):
        raise typer.BadParameter("--name-of-file cannot be combined with other options")
    with Store.of(config.load(config_file).store) as store:
        studies = store.found.of(whose) if whose is not None else store.found.of_name(named or "")
    for study in studies:
        if as_json:
            typer.echo(json.dumps(_as_json(study)))
        else:
            typer.echo("\n".join(_lines(study)))
    if not studies and not as_json:
        typer.echo("Nothing was found.")
    raise typer.Exit(0 if studies else 1)


def _whose(patient_id: str | None, issuer: str | None, study: str | None, accession: str | None) -> Whose:
    from koa_worker.store.records.belongings import Whose

    given = [name for name in (patient_id, study, accession) if name is not None]
    if len(given) != 1:
        raise typer.BadParameter("give exactly one of the options that say whose results are meant")
    if issuer is not None and patient_id is None:
        raise typer.BadParameter("--issuer belongs to --patient-id")
    patient, number = _secret("--patient-id", patient_id), _secret("--accession", accession)
    uid = _first_line("--study") if study == "-" else study
    return Whose(patient_id=patient, issuer=issuer, study=uid, accession=number)


def _secret(option: str, given: str | None) -> str | None:
    """The value from the input; a value in the command line is refused, and not repeated in the message."""
    if given is None:
        return None
    if given != "-":
        raise typer.BadParameter(
            f"{option} takes only `-`, and reads the value from the first line of the input: every user of this "
            "machine can read command lines"
        )
    return _first_line(option)


def _first_line(option: str) -> str:
    from koa_worker.read.header.elements import clean

    text = typer.prompt("Value", hide_input=True, err=True) if sys.stdin.isatty() else sys.stdin.readline()
    if not (said := clean(text)):
        raise typer.BadParameter(f"the input has no value for {option}")
    return said


def _show(settings: Config, finding: SearchResult, title: str) -> None:
    from koa_worker.custody import erasure_counts

    typer.echo(f"{title}:")
    for label, text in erasure_counts.lines(settings, finding):
        typer.echo(f"  {label:<26} {text}")


def _as_json(study: FoundStudy) -> dict[str, Any]:
    return {
        "study": study.study,
        "report": study.report,
        "files": [
            {"file": file.file, "state": file.state, "code": file.code, "original": file.original}
            for file in study.files
        ],
        "deliveries": [
            {"destination": one.destination, "kind": one.kind, "state": one.state} for one in study.deliveries
        ],
    }


def _lines(study: FoundStudy) -> Iterator[str]:
    yield f"study {study.study}" if study.study else "no study"
    yield f"  report {study.report}" if study.report else "  no report"
    for file in study.files:
        yield f"  file {file.file}  {file.state}{f' {file.code}' if file.code else ''}  {file.original or ''}".rstrip()
    for delivery in study.deliveries:
        yield f"  {delivery.kind} for {delivery.destination}  {delivery.state}"
