"""`koa-worker assign`: assigns studies to readers, and prints the progress of each reader."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from koa_worker import config
from koa_worker.commands.cli.options import CONSOLE, ConfigFile

if TYPE_CHECKING:  # the commands start fast: see `cli/__init__.py`
    from koa_worker.store import Store

_AT_ONCE = 500  # studies in one statement


def assign(
    reader: Annotated[
        str | None,
        typer.Argument(help="Login name. Without one, print the progress of each reader.", metavar="[READER]"),
    ] = None,
    studies: Annotated[
        list[str] | None,
        typer.Argument(
            help="Study keys, as in the page's addresses, or file names of reports; `-` reads them from the input.",
            metavar="[STUDY…]",
        ),
    ] = None,
    oldest: Annotated[
        int, typer.Option(min=0, help="Also the oldest N studies that are not assigned and not read.", metavar="N")
    ] = 0,
    take_back: Annotated[
        bool, typer.Option("--take-back", help="End the reader's assignments of these studies.")
    ] = False,
    config_file: ConfigFile = None,
) -> None:
    """Assign studies to a reader, as on the page, or take them back. Without a reader, print the progress of each."""
    from koa_worker.store import Store

    with Store.of(config.load(config_file).store) as store:
        if reader is None:
            _print_progress(store)
            return
        keys = _keys(studies or ())
        if not keys and not oldest:
            raise typer.BadParameter("name studies, or give their number with --oldest", param_hint="STUDY")
        _check_known(store, keys)
        if take_back:
            if oldest:
                raise typer.BadParameter("--oldest finds studies that are not assigned", param_hint="--take-back")
            _take_back(store, keys, reader.lower())
        else:
            _assign(store, keys, oldest, reader.lower())


def _keys(said: Sequence[str]) -> list[str]:
    """The keys of the studies, once each."""
    words = (word for one in said for word in (sys.stdin.read().split() if one == "-" else [one]))
    return list(dict.fromkeys(Path(word).stem for word in words))


def _check_known(store: Store, keys: list[str]) -> None:
    """Refuses what is no study with a graded knee, so that the audit log names only studies that exist."""
    unknown = set(keys).difference(*map(store.assignments.graded, _parts(keys)))
    if unknown:
        raise typer.BadParameter(f"{len(unknown)} of these are no studies with a graded knee, as {min(unknown)!r}")


def _assign(store: Store, keys: list[str], oldest: int, reader: str) -> None:
    readers = store.accounts.readers()
    if reader not in readers:
        raise typer.BadParameter(f"no user {reader!r} may read; these may: {', '.join(readers) or 'none'}")
    keys = list(dict.fromkeys((*keys, *store.assignments.unassigned(oldest))))
    count = sum(store.assignments.assign(part, reader, by=CONSOLE) for part in _parts(keys))
    for key in keys:
        store.audit.note(CONSOLE, "assigned", key, detail=reader)
    typer.echo(f"{count} of {len(keys)} studies newly assigned to {reader}.")


def _take_back(store: Store, keys: list[str], reader: str) -> None:
    count = sum(store.assignments.take_back(part, reader) for part in _parts(keys))
    for key in keys:
        store.audit.note(CONSOLE, "assignment_ended", key, detail=reader)
    typer.echo(f"{count} of {len(keys)} studies taken back from {reader}.")


def _parts(keys: list[str]) -> Iterator[list[str]]:
    return (keys[start : start + _AT_ONCE] for start in range(0, len(keys), _AT_ONCE))


def _print_progress(store: Store) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("reader", "assigned", "read", "left", box=None)
    for one in store.assignments.progress():
        table.add_row(one.reader, str(one.studies), str(one.read), str(one.left))
    Console().print(table if table.row_count else "No study is assigned to anyone.")
