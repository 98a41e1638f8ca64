"""The health of the whole worker. Only this module decides which problems need a person.

The daemon, `status` and the page all ask this module. Problems that only the daemon can see (files that it cannot take,
a thread of it that has ended) come with its heartbeat.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import chain
from pathlib import Path

from koa_worker.config import Config
from koa_worker.errors import KoaError
from koa_worker.intake import Scan, scan
from koa_worker.store import DeliveryRecord, LastSuccesses, StatusRecord, Store
from koa_worker.system.certificates import expiries
from koa_worker.system.concern import Concern
from koa_worker.system.disk import free_mb
from koa_worker.system.heartbeat import Condition, PauseReason, Pulse, condition_of, feel, has_owner

_NO_RIGHT = "the worker may not write in it"
_PATIENCE_SECONDS = 5.0  # `status` and the page should not wait long for a database that does not answer
# The problems that are derived from the store alone, so that every process that can read it reports the same ones.
_OF_THE_STORE = frozenset({"clock", "database", "destination_down", "destination_refuses", "parked"})
CLOCK_TOLERANCE = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class FromStore:
    """The values of the health check that come from the database."""

    parked: int  # files that failed on every try
    deliveries: tuple[DeliveryRecord, ...]
    last: LastSuccesses
    counts: StatusRecord | None  # only if they were asked for: counting a large archive takes a while


@dataclass(frozen=True, slots=True)
class Health:
    """The health of the worker at one moment."""

    felt: tuple[Pulse, float] | None  # the daemon's last heartbeat and its age in seconds
    inbox: Scan
    stored: FromStore | None  # None: the database cannot be used
    concerns: tuple[Concern, ...]


def look(config: Config, store: Store | None = None, *, counts: bool = True) -> Health:
    """Checks everything, changes nothing. Without `store` it opens the database, but never creates or migrates it."""
    felt = feel(config.folders.work)
    stored, database = look_at_store(config, store, counts=counts)
    known = felt[0].concerns if felt else ()
    if store is not None and not database:  # an open connection may still use a replaced file or an old password
        database = tuple(one for one in known if one.code == "database")
    found = [*of_daemon(config, felt), *database]
    inbox = scan(config.folders.inbox, overdue_minutes=config.intake.overdue_minutes, limit=1)
    return Health(felt, inbox, stored, tuple(one.known_since(known) for one in found))


def of_daemon(config: Config, felt: tuple[Pulse, float] | None) -> Iterator[Concern]:
    """Whether the daemon runs, and the problems that it reports; if it does not run, the problems of its folders."""
    condition = condition_of(felt)
    if felt is None or condition is Condition.NOT_RUNNING:
        yield Concern("not_running")
        folders = config.folders.all()
        if any(path.exists() for path in folders.values()):  # otherwise it is a new installation
            yield from of_folders(folders, {})
            yield from of_disks(config)
        return
    pulse, age_seconds = felt
    if condition is Condition.SILENT:
        yield Concern("silent", detail=f"for {age_seconds:.0f} seconds")
    yield from (one for one in pulse.concerns if one.code not in _OF_THE_STORE)
    if not any(one.code == "disk_full" for one in pulse.concerns):  # a full disk holds up the heartbeat itself
        yield from of_disks(config)


def of_folders(folders: Mapping[str, Path], devices: Mapping[str, int]) -> Iterator[Concern]:
    """Folders that are missing or cannot be used; `devices` are the numbers of their file systems at the start."""
    for name, path in folders.items():
        try:
            device = path.stat().st_dev
            if name == "inbox":
                with os.scandir(path):
                    pass
        except FileNotFoundError:
            yield Concern("inbox_gone") if name == "inbox" else Concern("folder_gone", name)
        except OSError as fault:
            detail = fault.strerror or type(fault).__name__
            if name == "inbox":
                yield Concern("inbox_unreadable", detail=detail)
            else:
                yield Concern("folder_gone", name, detail)
        else:
            if name == "inbox" and devices.get(name, device) != device:
                yield Concern("inbox_moved")
            if not os.access(path, os.W_OK | os.X_OK, effective_ids=True):
                yield Concern("inbox_unwritable") if name == "inbox" else Concern("folder_gone", name, _NO_RIGHT)


def is_lost(concerns: Iterable[Concern]) -> bool:
    """Whether a folder is missing or cannot be used. An inbox without write permission may still let some files go."""
    return any(one.code != "inbox_unwritable" for one in concerns)


def of_scan(seen: Scan) -> Iterator[Concern]:
    """Folders that the last scan of the inbox could not read, and files in it that stay incomplete."""
    if seen.unreadable:
        yield Concern("unreadable_folders", detail=_number(seen.unreadable, "folder"))
    if seen.overdue:
        yield Concern("unfinished", detail=_number(seen.overdue, "file"))


def of_disks(config: Config) -> Iterator[Concern]:
    free = min(free_mb(folder) for folder in (config.folders.work, config.folders.reports))
    if free < config.limits.min_free_mb:
        yield Concern("disk_full", detail=f"{free:.0f} MB free")


def of_pause(reason: PauseReason | None, since: float | None) -> Iterator[Concern]:
    """A pause that needs a person. The configured working hours are no problem."""
    if reason is PauseReason.DISK_NEARLY_FULL:
        yield Concern("disk_full", since=since)
    if reason is PauseReason.NO_ANSWER:
        yield Concern("no_answer", since=since)


def of_parts(config: Config) -> Iterator[Concern]:
    """Threads of this process that should run and do not."""
    alive = {thread.name for thread in threading.enumerate()}
    wanted = {
        "receiver": config.dicom.receiver.enabled,
        "sender": bool(config.dicom.destinations),
        "page": config.web.enabled,
    }
    return (Concern("part_down", name) for name, enabled in wanted.items() if enabled and name not in alive)


def tls_files(config: Config) -> Iterator[tuple[str, Path]]:
    """The certificates that are configured, by the section and key that name them."""
    sections = {"receiver": config.dicom.receiver} | {one.name: one for one in config.dicom.destinations}
    for where, section in sections.items():
        for name in ("tls_certificate", "tls_authority"):
            path = getattr(section, name)
            if path and (where != "receiver" or config.dicom.receiver.enabled):
                yield f"{where} {name}", Path(path)


def of_certificates(config: Config) -> Iterator[Concern]:
    now = datetime.now(UTC)
    for name, path in tls_files(config):
        try:
            until = min(expiries(path))
        except OSError as fault:
            yield Concern("certificate", name, fault.strerror or type(fault).__name__)
        except ValueError:
            yield Concern("certificate", name, "not in PEM form")
        else:
            if until < now:
                yield Concern("certificate", name, f"expired on {until:%Y-%m-%d}", until.timestamp())


def look_at_store(
    config: Config, store: Store | None = None, *, counts: bool = False
) -> tuple[FromStore | None, tuple[Concern, ...]]:
    """The values from the database, and the problems that need a person; one of them is that it does not answer."""
    try:
        if store is None:
            with Store.look(config.store.url, patience=_PATIENCE_SECONDS) as opened:
                stored = _ask(opened, counts=counts)
        else:
            stored = _ask(store, counts=counts)
    except KoaError as fault:
        if fault.code == "config":
            raise
        if fault.code == "store_missing" and not has_owner(config.folders.work):
            with Store.open("sqlite:///:memory:") as empty:  # a new installation has counts too: all of them are 0
                return _ask(empty, counts=counts), ()
        return None, (Concern("database", detail=fault.detail or fault.entry.sentence.rstrip(".")),)
    names = {destination.name for destination in config.dicom.destinations}
    found = (_of_clock(stored.last), _of_parked(stored.parked), _of_deliveries(stored.deliveries, names))
    return stored, tuple(chain(*found))


def _ask(store: Store, *, counts: bool) -> FromStore:
    return FromStore(
        store.counts.parked(),
        store.deliveries.by_destination(),
        store.counts.last_successes(),
        store.counts.status() if counts else None,
    )


def _of_clock(last: LastSuccesses) -> Iterator[Concern]:
    latest = last_success(last)
    if latest is not None and latest > datetime.now(UTC) + CLOCK_TOLERANCE:
        yield Concern("clock", detail=f"it showed {latest:%Y-%m-%d %H:%M} UTC before")


def last_success(last: LastSuccesses) -> datetime | None:
    return max(filter(None, (last.arrived, last.graded, last.reported)), default=None)


def _of_parked(parked: int) -> Iterator[Concern]:
    if parked:
        yield Concern("parked", detail=_number(parked, "file"))


def _of_deliveries(deliveries: Iterable[DeliveryRecord], names: Iterable[str]) -> Iterator[Concern]:
    """Destinations that need a person.

    One that is no longer configured is shown with its counts, but it is no problem. Neither is one that does not answer
    while nothing waits for it, for example after an erasure.
    """
    for one in deliveries:
        if one.destination not in names:
            continue
        if (one.failures and one.waiting) or one.failing:
            detail = f"{one.answer}; {_number(one.waiting, 'object')} waiting"
            yield Concern("destination_down", one.destination, detail, _seconds(one.oldest_waiting))
        if one.refused:
            detail = f"{one.answer}; {_number(one.refused, 'object')} refused"
            yield Concern("destination_refuses", one.destination, detail, _seconds(one.oldest_refused))


def _seconds(moment: datetime | None) -> float | None:
    return moment.timestamp() if moment else None


def _number(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
