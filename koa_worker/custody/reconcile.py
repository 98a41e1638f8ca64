"""Compares the store with the folders: after a restore it may be older than they are.

Originals that it does not know, or knows as unfinished, can be taken up again under their present ids; a worker then
grades them like new files. Only their original names are lost.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from koa_worker.config import Config
from koa_worker.custody import places
from koa_worker.errors import UnknownRecord
from koa_worker.intake import digest
from koa_worker.store import State, Store
from koa_worker.store.records.belongings import Belonging
from koa_worker.values import Arrival

_AT_A_TIME = 1000
_UNFINISHED = (State.WAITING, State.WORKING, State.FAILED)


@dataclass(frozen=True, slots=True)
class Differences:
    """The differences between the store and the folders."""

    unknown_originals: tuple[Path, ...]  # no row
    misplaced_originals: tuple[Path, ...]  # their row says that they are unfinished, or in another place
    missing_originals: tuple[str, ...]  # ids of rows whose file is missing
    unknown_reports: tuple[Path, ...]
    missing_reports: tuple[str, ...]  # keys of studies
    other_reports: tuple[str, ...]  # keys of studies whose report is not the one that was recorded

    def __bool__(self) -> bool:
        return any((
            self.unknown_originals, self.misplaced_originals, self.missing_originals,
            self.unknown_reports, self.missing_reports, self.other_reports,
        ))  # fmt: skip


def compare(config: Config, store: Store) -> Differences:
    unknown, misplaced = [], []
    for path, file in _lying(config, store):
        if file is None:
            unknown.append(path)
        elif _is_misplaced(file, path):
            misplaced.append(path)
    found = {path.stem for path in misplaced}
    missing = [file_id for file_id in _missing(config, store) if file_id not in found]
    return Differences(tuple(unknown), tuple(misplaced), tuple(missing), *_reports(config, store))


def apply(store: Store, found: Differences) -> int:
    """Takes originals up again, and makes outdated reports due; gives the number of originals."""
    taken = 0
    for path in (*found.unknown_originals, *found.misplaced_originals):
        file_id = path.name.partition(".")[0]
        known = store.files.find(file_id)
        name = known.name if known is not None else ""
        try:
            store.files.take_up_again(Arrival(path, digest(path), path.stat().st_size, name, file_id), str(path))
        except (UnknownRecord, FileNotFoundError):
            continue  # it is being erased
        taken += 1
    store.reports.want_again((*found.missing_reports, *found.other_reports))
    return taken


def _lying(config: Config, store: Store) -> Iterator[tuple[Path, Belonging | None]]:
    """Every original in the final folders, with its row."""
    filed = places.filed(config)
    while some := list(itertools.islice(filed, _AT_A_TIME)):
        rows = {file.id: file for file in store.found.files([file_id for file_id, _ in some])}
        yield from ((path, rows.get(file_id)) for file_id, path in some)


def _is_misplaced(file: Belonging, path: Path) -> bool:
    if file.filed_as == str(path):
        return file.state is State.WORKING or file.retried
    if file.state in _UNFINISHED:
        return True
    return file.filed_as is not None and not Path(file.filed_as).exists()


def _missing(config: Config, store: Store) -> Iterator[str]:
    """Rows whose original should be in one of our folders but is not, and is not just being moved there."""
    for file_id, filed_as in store.found.filed():
        lying = places.originals(config, filed_as)
        if lying and not any(path.exists() for path in (*lying, config.folders.work / f"{file_id}.file")):
            yield file_id


def _reports(config: Config, store: Store) -> tuple[tuple[Path, ...], tuple[str, ...], tuple[str, ...]]:
    lying = [path for day in places.days(config.folders.reports) for path in sorted(day.glob("*.pdf"))]
    known = store.found.known_studies([path.stem for path in lying])
    recorded = store.reports.last_written()
    missing = tuple(key for key, path, _ in recorded if not Path(path).is_file())
    other = tuple(key for key, path, sha256 in recorded if Path(path).is_file() and digest(Path(path)) != sha256)
    return tuple(path for path in lying if path.stem not in known), missing, other
