"""Erases a patient, a study or an accession number, such that a kill at any step leaves something to be finished.

look → written down → files → rows → files → database compacted → forgotten that it was written down
From the second step on any next call finishes it, whomever that call is about. Each step can be done again.
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
from koa_worker.store import Belonging, Belongings, Doomed, ErasureReason, State, Store, Whose
from koa_worker.system.durable import sync_folder
from koa_worker.system.heartbeat import has_owner
from koa_worker.values import new_id

_PAUSE_SECONDS = 0.3
_UPLOAD = "upload-"


@dataclass(frozen=True, slots=True)
class Erased:
    """Counts of what an erasure removed."""

    finding: SearchResult
    unseen: int  # files that are worked on elsewhere, into which we could not look


def erase(config: Config, store: Store, whose: Whose, *, who: str, wait_seconds: float) -> Erased:
    """Removes everything of a patient, a study or an accession number, and what an earlier call left.

    A file that is being worked on is waited for; raises Unfinished, with nothing removed, if it takes too long.
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
    """Erases studies whose time is over, without compacting the database; gives their number.

    None of them while a file of one is being worked on: a later call erases them.
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
    """Does what is left of an erasure that was written down; nothing if there is none."""
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
    """Files that are being worked on and do not lie here: the work folder of another machine has them."""
    here = {file_id for file_id, _ in places.claimed(config.folders.work)}
    return frozenset(file.id for file in store.found.working() if file.id not in here)


def _in_flight(config: Config, found: Belongings, by_header: frozenset[str]) -> set[str]:
    """Files that a running daemon has in hand. The note beside a file is dropped last, when it has been filed."""
    if not has_owner(config.folders.work):
        return set()
    known = {file.id: file for file in found.files}
    noted = {path.stem for path in config.folders.work.glob("*.json")} & (known.keys() | by_header)
    return {file_id for file_id in noted if not _waits(known.get(file_id))}


def _waits(file: Belonging | None) -> bool:
    """Whether nobody has the file in hand until its pause is over."""
    return file is not None and (file.retried or file.state is State.WAITING)


def _intend(config: Config, store: Store, finding: SearchResult, who: str) -> bool:
    """Writes down what is to go; from then on no worker begins one of these files."""
    for path in finding.in_inbox:
        file_id = path.stem.removeprefix(_UPLOAD) if path.name.startswith(_UPLOAD) else new_id()
        try:
            path.rename(places.hidden(config.folders.inbox, file_id))
        except FileNotFoundError:
            return False  # a daemon claimed it just now
        except OSError as fault:
            raise WorkFailed("io", fault.strerror or "") from None  # its message has the name that the exporter gave
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
    """Nobody makes or sends result objects meanwhile; those that lost their rows go at the end."""
    folder = config.dicom.results.folder
    if not folder.is_dir():
        yield
        return
    with alone(folder):
        yield
        sweep_objects(folder, store)


def _remove_files(config: Config, doomed: Doomed) -> None:
    """Removes files by their ids and paths, for good also if the power fails before the rows are gone."""
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
                folder.rmdir()  # of a day of which nothing is left


def _remove(path: Path, touched: set[Path]) -> None:
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        path.unlink()
        touched.add(path.parent)
