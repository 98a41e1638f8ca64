"""Erases a patient, a study or an accession number, so that after a kill at any step the next call finishes it.

search → erasure recorded → files → rows → files → database compacted → record of the erasure removed
From the second step on any next call finishes it, also a call for another patient. Each step can be repeated.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from koa_worker.config import Config
from koa_worker.custody import places
from koa_worker.custody.search import Search, SearchResult
from koa_worker.errors import Unfinished, WorkFailed
from koa_worker.publish.outbox import alone, sweep_objects
from koa_worker.store import State, Store
from koa_worker.store.records.belongings import Belonging, Belongings, Doomed, ErasureReason, Whose
from koa_worker.system.durable import sync_folder
from koa_worker.system.heartbeat import has_owner
from koa_worker.values import new_id

_PAUSE_SECONDS = 0.3
_UPLOAD = "upload-"


@dataclass(frozen=True, slots=True)
class Erased:
    """Counts of what an erasure removed."""

    finding: SearchResult
    unseen: int  # files in progress on another machine, which could not be searched


def erase(config: Config, store: Store, whose: Whose, *, who: str, wait_seconds: float) -> Erased:
    """Removes everything of a patient, a study or an accession number, and the rest of an earlier call.

    It waits for files in progress; if that takes too long, it raises Unfinished and has removed nothing.
    """
    finish(config, store, ErasureReason.FORGET, who)
    search = Search(config, store, whose)
    elsewhere = _elsewhere(config, store)
    give_up = time.monotonic() + wait_seconds
    while True:
        finding = search.look()
        flying = _in_flight(config, finding.belongings, finding.by_header)
        elsewhere = frozenset(file.id for file in store.found.working() if file.id in elsewhere)
        late = time.monotonic() > give_up
        if not flying and (late or not elsewhere):
            if not finding:
                return Erased(finding, len(elsewhere))
            if _intend(config, store, finding, who):
                break
        if late:
            raise Unfinished("in_flight", f"files: {len(flying)}")
        time.sleep(_PAUSE_SECONDS)
    finish(config, store, ErasureReason.FORGET, who)
    return Erased(finding, len(elsewhere))


def erase_studies(config: Config, store: Store, keys: Collection[str], *, who: str) -> int:
    """Erases studies whose retention time is over, without compacting the database; gives their number.

    While a file of one of them is in progress, it erases none: a later call does.
    """
    finish(config, store, ErasureReason.RETENTION, who)
    found = store.erasures.look(None, keys=keys, reason=ErasureReason.RETENTION)
    if not keys or _in_flight(config, found, frozenset()):
        return 0
    paths = places.paths_of(config, found)
    if not store.erasures.intend(found, (), paths, abandoned=(), reason=ErasureReason.RETENTION, who=who):
        return 0
    finish(config, store, ErasureReason.RETENTION, who)
    return len(found.studies)


def finish(config: Config, store: Store, reason: ErasureReason, who: str) -> None:
    """Finishes an erasure that was recorded; does nothing if there is none."""
    if reason is ErasureReason.FORGET and (hidden := places.hidden_ids(config.folders.inbox)):
        store.erasures.doom(hidden, reason)
    doomed = store.erasures.doomed(reason)
    if not doomed:
        return
    try:
        with _no_sending(config, store):
            _remove_files(config, doomed)
            store.erasures.erase_rows(reason)
            # A daemon that was between two steps may have moved a file, or put a report in place.
            _remove_files(config, doomed)
    except OSError as fault:
        raise WorkFailed("io", fault.strerror or "") from fault
    if reason is ErasureReason.FORGET:
        store.erasures.compact()
    store.erasures.finish(reason, who)


def _elsewhere(config: Config, store: Store) -> frozenset[str]:
    """Files in progress that are not in this work folder, but in the work folder of another machine."""
    here = {file_id for file_id, _ in places.claimed(config.folders.work)}
    return frozenset(file.id for file in store.found.working() if file.id not in here)


def _in_flight(config: Config, found: Belongings, by_header: frozenset[str]) -> set[str]:
    """Files in progress. The note beside a file is removed last, when the file has been filed."""
    if not has_owner(config.folders.work):
        return set()
    known = {file.id: file for file in found.files}
    noted = {path.stem for path in config.folders.work.glob("*.json")} & (known.keys() | by_header)
    return {file_id for file_id in noted if not _waits(known.get(file_id))}


def _waits(file: Belonging | None) -> bool:
    """Whether the file waits for a retry, so that no process works on it."""
    return file is not None and (file.retried or file.state is State.WAITING)


def _intend(config: Config, store: Store, finding: SearchResult, who: str) -> bool:
    """Records what is to be erased; from then on no worker begins one of these files."""
    for path in finding.in_inbox:
        file_id = path.stem.removeprefix(_UPLOAD) if path.name.startswith(_UPLOAD) else new_id()
        try:
            path.rename(places.hidden(config.folders.inbox, file_id))
        except FileNotFoundError:
            return False  # a daemon has just claimed it
        except OSError as fault:
            raise WorkFailed("io", fault.strerror or "") from None  # the text of the error has the exporter's file name
    extra = finding.by_header | places.hidden_ids(config.folders.inbox)
    here = {file_id for file_id, _ in places.claimed(config.folders.work)}
    return store.erasures.intend(
        finding.belongings,
        extra,
        finding.paths,
        abandoned=set() if has_owner(config.folders.work) else here,
        reason=ErasureReason.FORGET,
        who=who,
    )


@contextmanager
def _no_sending(config: Config, store: Store) -> Iterator[None]:
    """Prevents that result objects are made or sent meanwhile; removes those without a row at the end."""
    folder = config.dicom.results.folder
    if not folder.is_dir():
        yield
        return
    with alone(folder):
        yield
        sweep_objects(folder, store)


def _remove_files(config: Config, doomed: Doomed) -> None:
    """Removes files by their ids and paths, and syncs their folders before any row is removed."""
    touched: set[Path] = set()
    for file_id in doomed.files:
        for ending in (".file", ".copy", ".json"):
            _remove(config.folders.work / f"{file_id}{ending}", touched)
        _remove(places.hidden(config.folders.inbox, file_id), touched)
    for path in map(Path, doomed.paths):
        _remove(path, touched)
        _remove(path.with_suffix(".part"), touched)  # of a result object
        _remove(path.with_name(f"{path.name}{places.REASON}"), touched)
        _remove(path.with_name(f"{path.name}{places.REASON}").with_suffix(".tmp"), touched)
        if path.is_relative_to(config.folders.reports) and path.parent.is_dir():
            for draft in path.parent.glob(f".{path.stem}-*.part"):
                _remove(draft, touched)
    for folder in touched:
        sync_folder(folder)
        if folder.parent in (*places.archive(config), config.folders.reports):
            with contextlib.suppress(OSError):
                folder.rmdir()  # the folder of a day, if it is empty


def _remove(path: Path, touched: set[Path]) -> None:
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        path.unlink()
        touched.add(path.parent)
